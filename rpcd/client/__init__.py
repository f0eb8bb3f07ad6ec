"""What Python programs use to call rpcd, with nothing but the standard library.

    from rpcd.client import Client

    with Client() as rpcd:
        rpcd.update_key("shop", "mail.from", "a@b.c", actor="alice")
        print(rpcd.get_key("shop", "mail.from").value)

`AsyncClient` has the same methods to await. Every failure is an `RpcdError`: a `RefusalError`, with a class for every
kind of refusal, or one of the errors of the way there and back. A call that fails never returns anything.

A program that drops privileges does so before its first call: the server compares who writes with who connected.
"""

from rpcd.client.asynchronous import AsyncClient
from rpcd.client.blocking import Client
from rpcd.client.errors import (
    AnswerLostError,
    BusyError,
    ConflictError,
    ConnectionFailedError,
    DeniedError,
    InternalError,
    InvalidParamsError,
    InvalidRequestError,
    NoSuchFileError,
    NoSuchKeyError,
    NoSuchMethodError,
    NoSuchRevisionError,
    NoSuchTargetError,
    NotEditableError,
    OutcomeUnknownError,
    ParseError,
    ProtocolError,
    RefusalError,
    RejectedError,
    RequestIdReusedError,
    RpcdError,
    StorageError,
    TimedOutError,
    TooLargeError,
    UnavailableError,
    UnknownError,
)
from rpcd.client.methods import prepare
from rpcd.client.results import Change, Content, Description, File, Files, Held, Key, Keys, Target, Value, Whoami
from rpcd.client.revisions import Diff, Edit, History, Revision

__all__ = [
    "AnswerLostError",
    "AsyncClient",
    "BusyError",
    "Change",
    "Client",
    "ConflictError",
    "ConnectionFailedError",
    "Content",
    "DeniedError",
    "Description",
    "Diff",
    "Edit",
    "File",
    "Files",
    "Held",
    "History",
    "InternalError",
    "InvalidParamsError",
    "InvalidRequestError",
    "Key",
    "Keys",
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
    "Revision",
    "RpcdError",
    "StorageError",
    "Target",
    "TimedOutError",
    "TooLargeError",
    "UnavailableError",
    "UnknownError",
    "Value",
    "Whoami",
    "prepare",
]
