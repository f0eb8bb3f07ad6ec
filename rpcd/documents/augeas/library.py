"""libaugeas, as far as it works on texts in memory (augeas.h).

Rules of this file:

- No file is read but lenses, and none is written: nothing is loaded, and nothing is saved.
- Places are counted in bytes of the text. Children are addressed by their number (`*[2]`), never by what a text calls
  them.
"""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import suppress
from ctypes import c_char_p, c_int, c_uint, c_void_p
from typing import Any, Final

__all__ = ["Lens", "NoLens", "NoLibrary", "NotWritten", "Unread"]

NAME: Final = "libaugeas.so.0"

_NO_LOAD: Final = 1 << 5
_NO_MODULES: Final = 1 << 6  # AUG_NO_MODL_AUTOLOAD: the one lens that is asked for, and what that needs
_SPANS: Final = 1 << 7  # AUG_ENABLE_SPAN
_ENOLENS: Final = 7

_IN, _TREE, _OUT = b"/in", b"/tree", b"/out"
_FAULT: Final = b"/augeas/text/tree/error"

_FUNCTIONS: Final[dict[str, list[Any]]] = {
    "aug_error": [],
    "aug_get": [c_char_p, c_void_p],
    "aug_set": [c_char_p, c_char_p],
    "aug_insert": [c_char_p, c_char_p, c_int],
    "aug_rm": [c_char_p],
    "aug_escape_name": [c_char_p, c_void_p],
    "aug_defvar": [c_char_p, c_char_p],
    "aug_ns_count": [c_char_p],
    "aug_ns_attr": [c_char_p, c_int, c_void_p, c_void_p, c_void_p],
    "aug_ns_path": [c_char_p, c_int, c_void_p],
    "aug_span": [c_char_p, *[c_void_p] * 7],
    "aug_text_store": [c_char_p] * 3,
    "aug_text_retrieve": [c_char_p] * 4,
}
"""What each function takes beside the handle."""


class NoLibrary(Exception):
    """The library is not installed."""


class NoLens(Exception):
    """The lens is not installed."""


class Unread(Exception):
    """A text that the lens does not read; `args` has the place, where it is known."""


class NotWritten(Exception):
    """A tree that the lens does not write."""


class Lens:
    """One lens, which is loaded now."""

    def __init__(self, name: str) -> None:
        try:
            library = ctypes.CDLL(NAME)
            start, self._free = library.aug_init, ctypes.CDLL(None).free
            self._calls = {name: getattr(library, name) for name in _FUNCTIONS}
        except (OSError, AttributeError) as missing:  # or it is older than 1.8
            raise NoLibrary from missing
        for function, arguments in _FUNCTIONS.items():
            self._calls[function].argtypes = [c_void_p, *arguments]
        start.argtypes, start.restype = [c_char_p, c_char_p, c_uint], c_void_p
        self._free.argtypes = [c_void_p]
        self._handle = start(b"/", None, _NO_LOAD | _NO_MODULES | _SPANS)
        if not self._handle:
            raise NoLibrary
        self._name = name.encode()
        with suppress(Unread):
            self._store(b"\n")

    def read(self, text: bytes) -> Iterator[tuple[int, bytes | None, bytes | None, list[int]]]:
        """Every node: the number of its parent, from 1 in this order, 0 for the root; label; value; places.

        Places are the start and end of the value, which are 0 where the text does not have it, and those of all that
        belongs to the node. Raises `Unread`.
        """
        self._store(text)
        self._call("aug_defvar", b"nodes", _TREE + b"//*")
        paths = {_TREE: 0}
        label, value, path = c_char_p(), c_char_p(), c_char_p()
        for number in range(max(self._call("aug_ns_count", b"nodes"), 0)):
            self._call("aug_ns_attr", b"nodes", number, ctypes.byref(value), ctypes.byref(label), None)
            self._call("aug_ns_path", b"nodes", number, ctypes.byref(path))
            own = path.value or b""
            self._free(path)
            paths[own] = number + 1
            yield paths[_parent(own)], label.value, value.value, self._span(own)

    def write(self, text: bytes, ways: Sequence[Sequence[Sequence[str | None]]]) -> bytes:
        """`text` with the steps of the first of several ways that the lens can write.

        Steps are `["set", PATH, VALUE]`, `["rm", PATH]`, `["add", PATH, LABEL, VALUE]` for a new last child, and
        `["insert", PATH, LABEL, VALUE]` for a new node before that one. Paths are below the root. Raises `Unread`, and
        `NotWritten` where there is no such way, or where the lens writes the unchanged text differently.
        """
        self._store(text)
        if self._retrieve() != text:
            raise NotWritten
        for way in ways:
            self._store(text)
            if all(self._step(*step) for step in way) and (written := self._retrieve()) is not None:
                return written
        raise NotWritten

    def _store(self, text: bytes) -> None:
        self._call("aug_rm", _TREE)
        self._call("aug_set", _IN, text)
        if self._call("aug_text_store", self._name, _IN, _TREE) < 0:
            if self._call("aug_error") == _ENOLENS:
                raise NoLens
            place = self._get(_FAULT + b"/pos")
            raise Unread(*() if place is None else (int(place),))

    def _retrieve(self) -> bytes | None:
        self._call("aug_rm", _OUT)
        if self._call("aug_text_retrieve", self._name, _IN, _TREE, _OUT) < 0:
            return None
        return self._get(_OUT)

    def _step(self, what: str | None, place: str | None, *rest: str | None) -> bool:
        path = _TREE + (place or "").encode()
        arguments = [None if one is None else one.encode("utf-8", "surrogateescape") for one in rest]
        if what == "rm":
            return bool(self._call("aug_rm", path) > 0)
        if what == "set":
            return bool(self._call("aug_set", path, arguments[0]) == 0)
        label, value = arguments
        if what == "insert":
            return bool(self._call("aug_insert", path, label, 1) == 0) and self._call("aug_set", path, value) == 0
        escaped = c_char_p()
        if self._call("aug_escape_name", label, ctypes.byref(escaped)) < 0:
            return False
        name = escaped.value or label or b""
        self._free(escaped)
        return bool(self._call("aug_set", path + b"/" + name + b"[last() + 1]", value) == 0)

    def _get(self, path: bytes) -> bytes | None:
        value = c_char_p()
        self._call("aug_get", path, ctypes.byref(value))
        return value.value

    def _span(self, path: bytes) -> list[int]:
        file = c_char_p()
        places = [c_uint() for _ in range(6)]
        if self._call("aug_span", path, ctypes.byref(file), *map(ctypes.byref, places)) < 0:
            return [0] * 4
        self._free(file)
        return [place.value for place in places[2:]]

    def _call(self, function: str, *arguments: object) -> int:
        result: int = self._calls[function](self._handle, *arguments)
        return result


def _parent(path: bytes) -> bytes:
    """The path of what a node is in: what stands before the last slash that is not part of a name."""
    end = path.rfind(b"/")
    while (len(path[:end]) - len(path[:end].rstrip(b"\\"))) % 2:
        end = path.rfind(b"/", 0, end)
    return path[:end]
