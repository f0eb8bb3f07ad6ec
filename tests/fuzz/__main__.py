"""Searches with atheris for an input that breaks `check` of one part: `python -m tests.fuzz PART [libFuzzer option…]`.

What it finds stays in `build/fuzz/PART`: `crash-…`, `timeout-…` and `oom-…` are findings, `corpus` has the inputs that
reached something new. Without findings it ends with 0.
"""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import atheris

from tests.fuzz.mutate import mutated_tree

BUILD = Path("build/fuzz")

INSTRUMENTED = {
    "jsonrpcserver": "jsonrpcserver.dispatcher",
    "tomllib": "tomllib",
    "rpcd": "rpcd.daemon",
    "tests.fuzz": "tests.fuzz.reference",
}
"""What is searched for new branches, and the module that brings all of it along; before anybody else imports it."""


def main() -> None:
    """Fuzz one part until its time is up, or something is found."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    part, options = sys.argv[1], sys.argv[2:]
    for package, module in INSTRUMENTED.items():
        with atheris.instrument_imports(include=[package]):
            importlib.import_module(module)
    check: Callable[[bytes], None] = importlib.import_module(f"tests.fuzz.{part}").check
    seeds = importlib.import_module("tests.fuzz.seeds")  # imports rpcd, too

    found = BUILD / part
    for name in ("corpus", "seeds"):
        (found / name).mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds.seeds(part)):
        (found / "seeds" / f"{number:04}").write_bytes(seed)
    (found / "words").write_text(seeds.dictionary(part))
    kept = tuple(seeds.corpus(part).values()) + tuple(seeds.seeds(part))

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        """Half the inputs as trees, the others as libFuzzer does."""
        random = Random(seed)  # noqa: S311 - repeatable
        tree = mutated_tree(data, random.choice(kept), random) if seed % 2 else None
        return atheris.Mutate(data, most) if tree is None or len(tree) > most else tree

    arguments = [
        f"rpcd-{part}",
        f"-dict={found}/words",
        f"-artifact_prefix={found}/",
        f"-max_len={seeds.LONGEST}",
        "-timeout=20",
        "-print_final_stats=1",
        *options,
        str(found / "corpus"),
        str(seeds.CORPUS / part),
        str(found / "seeds"),
    ]
    atheris.Setup(arguments, check, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
