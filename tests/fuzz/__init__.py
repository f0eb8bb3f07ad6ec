"""Coverage-guided fuzzing: what must hold for any bytes, the inputs that are tried, and those that are kept.

`wire.py`, `gate.py` and `settings.py` each have a `check(data)` that raises AssertionError where something does not
hold. `make fuzz` searches with atheris for inputs that break it; the tests replay those of `corpus/`, which reach what
is known to be reachable.
"""
