"""Becoming somebody else, in a child process."""

import os
import pickle
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from typing import NoReturn, TypeVar

__all__ = ["FORKING", "NOBODY", "WWW_DATA", "as_user"]

FORKING = threading.Lock()
"""Held while a process is forked: a child of another thread's that came in between would keep descriptors open which
`subprocess` opens for a moment and waits to see closed."""

WWW_DATA = 33
"""uid and gid of www-data on every Debian."""

NOBODY = 65534

Result = TypeVar("Result")


def as_user(uid: int, gid: int, groups: Iterable[int], function: Callable[[], Result]) -> Result:
    """What `function` returns, or raises, in a child with these ids and supplementary groups.

    Result and exception come back pickled. The child has everything that is imported now, but may not be able to
    read the interpreter's files: import before you call this.
    """
    reading, writing = os.pipe()
    with FORKING:
        child = os.fork()
    if child == 0:
        os.close(reading)
        _become(uid, gid, groups, function, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        pickled = answer.read()
    _, status = os.waitpid(child, 0)
    if not pickled:
        raise RuntimeError(f"the child of uid {uid} ended without an answer, exit status {status}")
    succeeded, result = pickle.loads(pickled)  # noqa: S301 - our own child wrote it
    if succeeded:
        returned: Result = result
        return returned
    raise result


def _become(uid: int, gid: int, groups: Iterable[int], function: Callable[[], object], writing: int) -> NoReturn:
    """Run `function` as somebody else, send its result into the pipe, and end without any of the parent's teardown."""
    try:
        try:
            os.setgroups(list(groups))
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            answer = pickle.dumps((True, function()))
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the parent
            error.add_note(f"in a child of uid {uid}:\n{traceback.format_exc()}")
            answer = _pickled(error)
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(answer)
        sys.stderr.flush()
    finally:
        os._exit(0)


def _pickled(error: BaseException) -> bytes:
    try:
        answer = pickle.dumps((False, error))
        pickle.loads(answer)  # noqa: S301 - some exceptions pickle, but cannot be made again
    except Exception:  # noqa: BLE001 - pickling runs whatever the exception's class brings
        answer = pickle.dumps((False, RuntimeError("\n".join((repr(error), *getattr(error, "__notes__", ()))))))
    return answer
