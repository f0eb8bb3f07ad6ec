"""The server's side of a worker process: it is started when it is needed, and asked one thing at a time.

Rules of this file:

- A worker may end at any time: by its limits, by a fault of the library, by somebody's hand. Then that one question is
  refused, and the next one starts another worker. Whoever ends is reaped at once.
- It inherits one socket, and neither an environment, a terminal nor a descriptor of the server's.
- What it answers has been worked out from hostile texts: its shape is judged before it is used (tree.py).
"""

import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any, Final

from rpcd.documents.augeas.frames import receive, send
from rpcd.documents.document import not_editable
from rpcd.errors import Refused

__all__ = ["Process", "Unready"]

PATIENCE: Final = 20.0
"""Seconds for one answer, however busy the machine is; the worker's own limit counts its processor time."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[a-z][A-Za-z0-9_]*)?")
_MISSING: Final = {
    "library": "it needs libaugeas: install libaugeas0 and augeas-lenses (Debian)",
    "process": "its process does not start",
    "lens": "there is no such lens in /usr/share/augeas/lenses: Debian's are in augeas-lenses",
}
_SIGNALS: Final = (signal.SIGXCPU, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)
_BY_A_TEXT: Final = frozenset({None, 1, *(-number for number in _SIGNALS)})
"""How a worker ends by what it is asked: late, without memory, by a fault or limit; other signals are somebody's."""


class Unready(Exception):
    """The lens cannot be had; the text says why."""


class _Ended(Exception):
    """The worker has ended; `status` is its exit status, None where it took too long."""

    def __init__(self, status: int | None) -> None:
        super().__init__()
        self.status = status


class Process:
    """Whichever process works with a lens now."""

    def __init__(self, lens: str) -> None:
        """Find out whether there can be one; raises `Unready`."""
        if not _NAME.fullmatch(lens):
            raise Unready("no lens has such a name")
        self._lens = lens if "." in lens else f"{lens}.lns"
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        _Worker(self._lens).end()  # a server that is about to confine itself has no other process, and no thread

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer to a question (worker.py).

        Raises `Refused("not_editable")` where the text is too much for a worker, and `Refused("unavailable")`.
        """
        with self._lock:
            while True:
                worker, self._worker = self._worker, None
                try:
                    asked = worker or self._started()
                    answer: dict[str, Any] = asked.exchange(question)
                except _Ended as ended:
                    if worker is not None and ended.status == 0:
                        continue  # nobody had asked it for a while
                    if ended.status in _BY_A_TEXT:
                        raise not_editable("limit") from ended
                    raise Refused("unavailable", reason="worker") from ended
                except Unready as unready:
                    raise Refused("unavailable", reason="worker") from unready
                self._worker = asked
                return answer

    def _started(self) -> "_Worker":
        worker = _Worker(self._lens)
        with suppress(RuntimeError):  # no thread can be had: it is reaped when it is asked next
            threading.Thread(target=self._reap, args=(worker,), name="reaper", daemon=True).start()
        return worker

    def _reap(self, worker: "_Worker") -> None:
        """A thread's: wait for the end of a worker, and forget it."""
        worker.process.wait()
        with self._lock:
            if self._worker is worker:
                self._worker = None
                worker.end()


class _Worker:
    """A process that is ready; raises `Unready` where it cannot be had."""

    def __init__(self, lens: str) -> None:
        self._channel, its = socket.socketpair()
        self._channel.settimeout(PATIENCE)
        with its:
            try:
                self.process = subprocess.Popen(
                    [sys.executable, "-I", "-O", "-m", "rpcd.documents.augeas.worker", lens],
                    stdin=its.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    env={"LC_ALL": "C"},
                    start_new_session=True,
                )
            except OSError as error:
                self._channel.close()
                raise Unready(_MISSING["process"]) from error
        try:
            missing = self.exchange()
        except _Ended as ended:
            raise Unready(_MISSING["process"]) from ended
        if missing is not None:
            self.end()
            raise Unready(_MISSING[missing])

    def exchange(self, question: dict[str, Any] | None = None) -> Any:
        """Ask, if there is a question, and receive what it says; raises `_Ended` instead."""
        late = False
        try:
            if question is not None:
                send(self._channel, question)
            return receive(self._channel)
        except TimeoutError:
            late = True
        except (EOFError, OSError, ValueError):
            pass
        self.end()
        raise _Ended(None if late else self.process.returncode)

    def end(self) -> None:
        """Have it end, and reap it."""
        self._channel.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(1.0)  # it sees that the socket is closed; or it has gone, and its status tells why
        self.process.kill()
        self.process.wait()
