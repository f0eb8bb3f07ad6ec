"""Inputs that fuzzing began with and that it kept: everything that was ever found holds, each time."""

import importlib
from collections.abc import Callable, Iterator

import pytest

from tests.fuzz import gate, settings
from tests.fuzz.seeds import LONGEST, PARTS, corpus, seeds


@pytest.fixture(scope="module", autouse=True)
def _worlds() -> Iterator[None]:
    """What the parts need is made at their first use, and taken away when the last input was tried."""
    yield
    for part in (gate, settings):
        part.world().close()
        part.world.cache_clear()


@pytest.mark.parametrize("part", PARTS)
def test_what_was_found_holds(part: str) -> None:
    """Every input of the corpus, and every seed, is judged as it must be: read, answered, refused."""
    check: Callable[[bytes], None] = importlib.import_module(f"tests.fuzz.{part}").check
    for name, data in {**corpus(part), **{repr(seed[:80]): seed for seed in seeds(part)}}.items():
        try:
            check(data)
        except BaseException as error:
            error.add_note(f"the input {name} of {part}")
            raise


@pytest.mark.parametrize("part", PARTS)
def test_the_corpus_stays_small(part: str) -> None:
    """A few hundred inputs of less than 4 KiB, none of them twice, and none that the seeds have."""
    kept = corpus(part)
    assert 0 < len(kept) <= 400
    assert max(map(len, kept.values())) < LONGEST
    assert len(set(kept.values()) - set(seeds(part))) == len(kept)
