"""Inputs made of other inputs: JSON is changed as the tree that it is, everything else as bytes.

A byte that is flipped in JSON nearly always only breaks it; what lies behind the parser is reached by trees.
"""

import json
from collections.abc import Sequence
from random import Random
from typing import Any, Final

__all__ = ["mutated", "mutated_bytes", "mutated_tree"]

SCALARS: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 15, 33, 2**31, 2**63, 2**64 - 1, 2**64, 0.5, -0.0, 1e308, "", "a", "\0", "\n", "..",
    "*", "/", "~", "\x7f", "\x85", "\u2028", "\u202e", "\ud800", "\U0001f600", "1", "-", "ui.theme", "ui", "2.0",
    "absent", "sha256:" + "0" * 64, "r1:" + "f" * 64, "x" * 129, "x" * 300, [], {}, [[]], {"a": 1}, ["ui", 0],
)  # fmt: skip

TOKENS: Final = (b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"NaN", b"1e400", b"\\ud800", b"\xef\xbb\xbf",
                 b"\xed\xa0\x80", b"\xff", b"\0", b"-", b"0", b"9" * 20,
                 b"[" * 65, b'{"a":' * 64, b"]" * 65)  # fmt: skip

MOST_NODES: Final = 400


def mutated(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """`data` with one to four changes; pieces of `others` may come into it."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        tree = mutated_tree(data, random.choice(others), random) if random.random() < 0.7 else None
        data = tree if tree is not None else mutated_bytes(data, random.choice(others), random)
    return data


def mutated_bytes(data: bytes, other: bytes, random: Random) -> bytes:
    """`data` with a piece taken out, doubled, put in from elsewhere, or a bit turned."""
    start = random.randint(0, len(data))
    end = min(len(data), start + random.choice((1, 1, 2, 4, 16, 64)))
    begin = random.randint(0, len(other))
    piece = random.choice(
        (
            b"",
            data[start:end] * 2,
            random.choice(TOKENS),
            random.randbytes(2),
            other[begin : begin + random.choice((1, 4, 16, 64))],
            bytes([data[start] ^ 1 << random.randrange(8)]) if start < len(data) else b"",
        )
    )
    return data[:start] + piece + data[end:]


def mutated_tree(data: bytes, other: bytes, random: Random) -> bytes | None:
    """`data` with one node of its tree changed; None where it, or `other`, is no JSON."""
    try:
        holder, donor = [json.loads(data.decode())], [json.loads(other.decode())]
        nodes = _nodes(holder)
    except (ValueError, RecursionError):
        return None
    inside, step = random.choice(nodes)
    given_from, given_step = random.choice(_nodes(donor))
    old, given = inside[step], given_from[given_step]
    match random.randrange(7):
        case 0:
            inside[step] = random.choice(SCALARS)
        case 1:
            inside[step] = given
        case 2 if inside is not holder:
            del inside[step]
        case 3:
            inside[step] = [old] * random.choice((1, 2, 3, 33))
        case 4 if isinstance(inside, dict):
            inside[str(given_step)] = inside.pop(step)
        case 5 if isinstance(inside, dict):
            inside[str(given_step)] = given
        case _:
            inside[step] = _nudged(old, random)
    text = json.dumps(holder[0], ensure_ascii=random.random() < 0.5, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def _nudged(value: Any, random: Random) -> Any:
    """A value beside this one."""
    if isinstance(value, str):
        at = random.randint(0, len(value))
        inserted = random.choice([one for one in SCALARS if isinstance(one, str)])
        return random.choice((value[:at] + inserted + value[at:], value[:at], value * 2, value.upper()))
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return random.choice((value + 1, -value, value * 1000, str(value), float(min(value, 2**60))))
    return {"a": value}


def _nodes(holder: list[Any]) -> list[tuple[Any, Any]]:
    """Every place of a tree: what holds it, and the step to it."""
    found: list[tuple[Any, Any]] = []
    waiting: list[Any] = [holder]
    while waiting and len(found) < MOST_NODES:
        inside = waiting.pop()
        steps = list(inside) if isinstance(inside, dict) else range(len(inside))
        for step in steps:
            found.append((inside, step))
            if isinstance(inside[step], dict | list):
                waiting.append(inside[step])
    return found
