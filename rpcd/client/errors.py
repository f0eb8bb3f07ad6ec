"""Everything a call can fail with.

Rules of this file:

- A `RefusalError` is the server's answer: the call was judged and refused. `kind` is what programs compare, and has a
  class of its own here; a kind that a later server has and we do not know is a plain `RefusalError`.
- The other errors say that there is no answer. After `AnswerLostError` and `UnknownError`, which are both an
  `OutcomeUnknownError`, a change may or may not have taken effect: make the same call again where it has a
  `request_id`, and read again before you try again where it has none. After all others nothing has changed.
"""

from collections.abc import Mapping
from typing import Any, Final

__all__ = [
    "AnswerLostError",
    "BusyError",
    "ConflictError",
    "ConnectionFailedError",
    "DeniedError",
    "InternalError",
    "InvalidParamsError",
    "InvalidRequestError",
    "NoSuchFileError",
    "NoSuchKeyError",
    "NoSuchMethodError",
    "NoSuchRevisionError",
    "NoSuchTargetError",
    "NotEditableError",
    "OutcomeUnknownError",
    "ParseError",
    "ProtocolError",
    "RefusalError",
    "RejectedError",
    "RequestIdReusedError",
    "RpcdError",
    "StorageError",
    "TimedOutError",
    "TooLargeError",
    "UnavailableError",
    "UnknownError",
    "refusal",
]


class RpcdError(Exception):
    """A call to rpcd that did not succeed."""


class ConnectionFailedError(RpcdError):
    """There is no server, or it closed the connection."""


class TimedOutError(RpcdError):
    """The server did not accept the connection, or did not answer, in time."""


class ProtocolError(RpcdError):
    """What came back is not an answer to what was asked; the connection has been closed."""


class OutcomeUnknownError(RpcdError):
    """Nobody can say whether the change took effect: read again before you try again."""


class AnswerLostError(OutcomeUnknownError):
    """A change was asked for, and the answer did not come; `__cause__` says why. It is never asked for twice by itself.

    With a `request_id` of its own for each change, the caller can: within a day the same call under the same id is
    answered as the first one was, or would have been, and nothing is done twice.

        request_id = str(uuid.uuid4())
        for patience in (0, 1, 5):
            time.sleep(patience)
            try:
                return rpcd.update_key("shop", "mail.from", "a@b.c", request_id=request_id)
            except (AnswerLostError, ConnectionFailedError, TimedOutError):
                continue  # the server restarts, or is slow
        raise TimeoutError
    """


class RefusalError(RpcdError):
    """The server refused: `kind`, the JSON-RPC error `code`, its sentence, and `data` with what the kind names."""

    def __init__(self, code: int, message: str, data: Mapping[str, Any]) -> None:
        super().__init__(code, message, data)
        self.kind: str = data["kind"]
        self.code = code
        self.message = message
        self.data = data

    def __str__(self) -> str:
        details = ", ".join(f"{name}={value!r}" for name, value in self.data.items() if name != "kind")
        return f"{self.kind}: {self.message}" + (f" ({details})" if details else "")


class ParseError(RefusalError):
    """The server takes the message for something else than strict JSON."""


class InvalidRequestError(RefusalError):
    """The message is no JSON-RPC 2.0 request."""


class NoSuchMethodError(RefusalError):
    """There is no such method."""


class InvalidParamsError(RefusalError):
    """The parameters break the method's schema; `data["faults"]` says where and which rule."""


class InternalError(RefusalError):
    """A bug in the server; `data["incident"]` is in its audit log too. A change may have been cut short by it."""


class DeniedError(RefusalError):
    """No grant covers this call."""


class NoSuchTargetError(RefusalError):
    """There is no such target, said to callers with grants on all of them."""


class NoSuchKeyError(RefusalError):
    """There is no such key in the document."""


class NoSuchFileError(RefusalError):
    """There is no such file."""


class NoSuchRevisionError(RefusalError):
    """There is no such revision, or it is not kept any more."""


class ConflictError(RefusalError):
    """`if_revision` or `expect` does not hold; `data["revision"]` is the current one."""


class RequestIdReusedError(RefusalError):
    """The same `request_id` was used within a day for something else; this call changed nothing."""


class TooLargeError(RefusalError):
    """Message, content, document or reply above `data["limit"]`. Also raised here, before anything is sent."""


class NotEditableError(RefusalError):
    """The document cannot be parsed, or cannot hold the value, or the edit could not be proven."""


class RejectedError(RefusalError):
    """The target's own rules refuse the result; `data["faults"]` says where and which rule, as far as one may know."""


class BusyError(RefusalError):
    """A quota is used up; `data["retry_after"]` is in seconds."""


class UnknownError(RefusalError, OutcomeUnknownError):
    """The server cannot say whether the change is durable."""


class UnavailableError(RefusalError):
    """Read-only, in the administrator's words in `data["notice"]`, or the audit log cannot be written."""


class StorageError(RefusalError):
    """The file or the file system stands in the way; nothing changed."""


_KINDS: Final[Mapping[str, type[RefusalError]]] = {
    "parse_error": ParseError,
    "invalid_request": InvalidRequestError,
    "no_such_method": NoSuchMethodError,
    "invalid_params": InvalidParamsError,
    "internal": InternalError,
    "denied": DeniedError,
    "no_such_target": NoSuchTargetError,
    "no_such_key": NoSuchKeyError,
    "no_such_file": NoSuchFileError,
    "no_such_revision": NoSuchRevisionError,
    "conflict": ConflictError,
    "request_id_reused": RequestIdReusedError,
    "too_large": TooLargeError,
    "not_editable": NotEditableError,
    "rejected": RejectedError,
    "busy": BusyError,
    "unknown": UnknownError,
    "unavailable": UnavailableError,
    "storage": StorageError,
}


def refusal(code: int, message: str, data: Mapping[str, Any]) -> RefusalError:
    """The error for an error object (JSON-RPC 2.0, section 5.1) whose data name a `kind`."""
    return _KINDS.get(data["kind"], RefusalError)(code, message, data)
