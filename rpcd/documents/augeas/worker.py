"""The process that has one lens, and works on texts for a server: `python -I -m rpcd.documents.augeas.worker LENS`.

Rules of this file:

- Standard input is the socket to the server. What is asked is answered in order; nothing else is ever done.
- Its first message says whether it is ready: `null`, or what is missing (`library`, `lens`).
- It ends by itself where the server has gone, or has asked nothing for a while.
"""

import os
import socket
import sys
from typing import Any, Final

from rpcd.documents.augeas.confinement import allow_time, bound, confine
from rpcd.documents.augeas.frames import receive, send
from rpcd.documents.augeas.library import Lens, NoLens, NoLibrary, NotWritten, Unread

__all__ = ["IDLE", "main"]

IDLE: Final = 60.0
"""Seconds without a question after which it ends; starting another one takes a tenth of one."""


def main(name: str, channel: socket.socket, idle: float = IDLE) -> None:
    """Answer until there is nobody to answer."""
    channel.settimeout(None)
    try:
        lens = Lens(name)
    except (NoLibrary, NoLens) as missing:
        send(channel, "library" if isinstance(missing, NoLibrary) else "lens")
        return
    confine()
    send(channel, None)
    channel.settimeout(idle)
    while True:
        try:
            question = receive(channel)
        except (EOFError, OSError):  # TimeoutError is one
            return
        allow_time()
        send(channel, answer(lens, question))


def answer(lens: Lens, question: dict[str, Any]) -> dict[str, Any]:
    """What the lens makes of a text: `nodes`, or the `text` that it writes; or the `fault`, and where that is."""
    text = question["text"].encode("utf-8", "surrogateescape")
    try:
        if "ways" in question:
            return {"text": _decoded(lens.write(text, question["ways"]))}
        return {"nodes": [[up, _decoded(label), _decoded(value), at] for up, label, value, at in lens.read(text)]}
    except Unread as unread:
        return {"fault": "syntax", "at": unread.args[0] if unread.args else None}
    except NotWritten:
        return {"fault": "structure"}


def _decoded(text: bytes | None) -> str | None:
    return None if text is None else text.decode("utf-8", "surrogateescape")


if __name__ == "__main__":
    bound()
    allow_time()
    main(sys.argv[1], socket.socket(fileno=os.dup(0)))
