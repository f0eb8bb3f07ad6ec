"""What the process is before it serves anybody.

Rules of this file:

- Nothing of the caller's surroundings is relied on: not its umask, not its standard descriptors, not its signals.
- What libraries log is told without its text.
"""

import logging
import os
import signal
import sys

import structlog

__all__ = ["prepare"]

log = structlog.get_logger("rpcd")


def prepare() -> None:
    """Make this process one that can serve; before any file is opened."""
    os.umask(0o077)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload
    _occupy_standard_descriptors()
    _log_to_standard_error()
    sys.dont_write_bytecode = True


def _occupy_standard_descriptors() -> None:
    """Have something at 0, 1 and 2: else the next file opened would be written to by whatever prints."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 - standard error
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def _log_to_standard_error() -> None:
    """One line an event, for the journal or whoever looks; what libraries log goes there without its text."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING)


class _Libraries(logging.Handler):
    """What libraries log: which of them and where, never the text, which may hold a value."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on."""
        what = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        log.warning("library", logger=record.name, at=f"{record.filename}:{record.lineno}", error=what)
