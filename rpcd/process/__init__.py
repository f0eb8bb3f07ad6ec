"""What the process is before it serves anybody.

Rules of this file:

- Nothing of the caller's surroundings is relied on: not its umask, not its standard descriptors, not its signals, not
  its limits.
- Nobody else looks into it: not dumpable, no core (limits.py).
- What libraries log is told without its text.
"""

import ctypes
import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import Final

import structlog

from rpcd.printable import printable

__all__ = ["give_back_memory", "prepare"]

log = structlog.get_logger("rpcd")

STACK: Final = 8 * 1024 * 1024
"""Bytes for each thread, whatever the limit of the caller's shell: how deep a text may be nested rests on it."""

PR_SET_DUMPABLE: Final = 4  # prctl(2)

SWITCH_INTERVAL: Final = 0.0001
"""Seconds that a worker which runs Python keeps the event loop waiting after each of its system calls, of which a
request has some ten: with the default, 5 ms, one file that is being changed holds up all other callers."""

IGNORED: Final = frozenset({signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP})
"""A call that fails says so by itself; and SIGHUP means nothing until there is something to reload."""


def prepare() -> None:
    """Make this process one that can serve; before any file is opened and any thread begins."""
    os.umask(0o077)
    _reset_signals()
    _occupy_standard_descriptors()
    _log_to_standard_error()
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    threading.stack_size(STACK)
    sys.setswitchinterval(SWITCH_INTERVAL)
    sys.dont_write_bytecode = True


def give_back_memory() -> None:
    """Give memory that is free back to the system (malloc_trim(3)), where the C library can."""
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _reset_signals() -> None:
    """Have no signal blocked, and none ignored but ours: both survive an exec (signal(7))."""
    for number in signal.valid_signals():
        if signal.getsignal(number) == signal.SIG_IGN and number not in IGNORED:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _occupy_standard_descriptors() -> None:
    """Have something at 0, 1 and 2: else the next file opened would be written to by whatever prints."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 - standard error
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for as long as it runs
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _log_to_standard_error() -> None:
    """One line an event, for the journal or whoever looks; what libraries log goes there without its text."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=lambda *_: _StandardError(),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING)


class _StandardError:
    """A logger's output: one write a line, and what nobody takes (a full disk, a journal that has gone) is lost.

    It is said beside what happens: nothing that happens depends on it.
    """

    def msg(self, line: str) -> None:
        """Write a line."""
        with suppress(OSError):
            os.write(2, f"{printable(line)}\n".encode())

    debug = info = warning = error = critical = msg


class _Libraries(logging.Handler):
    """What libraries log: which of them and where, never the text, which may hold a value."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on."""
        what = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        log.warning("library", logger=record.name, at=f"{record.filename}:{record.lineno}", error=what)
