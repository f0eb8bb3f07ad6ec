"""The part of the Python client that touches no socket: what is an answer, and what is none."""

from typing import Any

import pytest

from rpcd.client import ProtocolError, RefusalError, TooLargeError, errors, prepare
from rpcd.client.message import MAX_MESSAGE, Batch, Message, Single
from rpcd.errors import KINDS

ERROR = b'{"code": 403, "message": "No", "data": {"kind": "denied"}}'

NO_ANSWERS = {
    "nothing": b"",
    "no JSON": b"pong",
    "not UTF-8": b'{"jsonrpc": "2.0", "id": ID, "result": "\xff"}',
    "UTF-16": '{"jsonrpc": "2.0", "id": ID, "result": "pong"}'.encode("utf-16"),
    "a member twice": b'{"jsonrpc": "2.0", "id": ID, "result": "no", "result": "pong"}',
    "NaN": b'{"jsonrpc": "2.0", "id": ID, "result": NaN}',
    "a number over all bounds": b'{"jsonrpc": "2.0", "id": ID, "result": 1e999}',
    "half a surrogate pair": rb'{"jsonrpc": "2.0", "id": ID, "result": "\ud800"}',
    "too deep": b'{"jsonrpc": "2.0", "id": ID, "result": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a list": b"[]",
    "another version": b'{"jsonrpc": "1.0", "id": ID, "result": "pong"}',
    "no version": b'{"id": ID, "result": "pong"}',
    "no id": b'{"jsonrpc": "2.0", "result": "pong"}',
    "another id": b'{"jsonrpc": "2.0", "id": 0, "result": "pong"}',
    "the id as a string": b'{"jsonrpc": "2.0", "id": "ID", "result": "pong"}',
    "the id as a float": b'{"jsonrpc": "2.0", "id": ID.0, "result": "pong"}',
    "true as id": b'{"jsonrpc": "2.0", "id": true, "result": "pong"}',
    "a result without id": b'{"jsonrpc": "2.0", "id": null, "result": "pong"}',
    "an error to another id": b'{"jsonrpc": "2.0", "id": 0, "error": ' + ERROR + b"}",
    "result and error": b'{"jsonrpc": "2.0", "id": ID, "result": "pong", "error": ' + ERROR + b"}",
    "neither": b'{"jsonrpc": "2.0", "id": ID}',
    "an error without kind": b'{"jsonrpc": "2.0", "id": ID, "error": {"code": 1, "message": "x", "data": {}}}',
    "an error without data": b'{"jsonrpc": "2.0", "id": ID, "error": {"code": 1, "message": "x"}}',
    "another result": b'{"jsonrpc": "2.0", "id": ID, "result": "ping"}',
}


@pytest.mark.parametrize("reply", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
def test_what_is_no_answer(reply: bytes) -> None:
    """Anything but a strict response to exactly this request is a protocol error."""
    exchange = Single(prepare.ping())
    with pytest.raises(ProtocolError):
        exchange.judge(reply.replace(b"ID", str(exchange.number).encode()), [])


@pytest.mark.parametrize("identifier", ["ID", "null"])
def test_an_error_is_raised_with_its_kind(identifier: str) -> None:
    """An error for this request, or for one whose id the server could not read, is the refusal that it names."""
    exchange = Single(prepare.ping())
    reply = b'{"jsonrpc": "2.0", "id": ' + identifier.encode() + b', "error": ' + ERROR + b"}"
    with pytest.raises(errors.DeniedError) as raised:
        exchange.judge(reply.replace(b"ID", str(exchange.number).encode()), [])
    assert (raised.value.kind, raised.value.code, raised.value.data) == ("denied", 403, {"kind": "denied"})


def test_every_kind_has_its_class() -> None:
    """Each kind of the server's vocabulary has a class of its own, and a kind that nobody knows is still a refusal."""
    classes = {kind: type(errors.refusal(code, message, {"kind": kind})) for kind, (code, message) in KINDS.items()}
    assert RefusalError not in classes.values()
    assert len(set(classes.values())) == len(KINDS)
    written = {found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, RefusalError)}
    assert written == {RefusalError, *classes.values()}
    assert type(errors.refusal(499, "New", {"kind": "brand_new"})) is RefusalError


BAD_RESULTS: list[tuple[Any, str]] = [
    (prepare.whoami(), '{"uid": true, "gid": 0, "groups": [], "user": null, "unit": null}'),
    (prepare.whoami(), "null"),
    (prepare.may("ping"), '{"allowed": 1}'),
    (prepare.status(), "[]"),
    (prepare.targets(), '{"targets": [{}]}'),
    (prepare.get_key("a", "b"), '{"revision": "absent"}'),
    (prepare.list_keys("a"), '{"keys": {}, "revision": "absent"}'),
    (prepare.describe("a"), '{"values": {}, "revision": "absent"}'),
    (prepare.describe("a"), '{"schema": true, "revision": "absent"}'),
    (prepare.read_file("a"), '{"content": {"fd": 0}, "revision": "r1:0", "size": 0}'),
    (prepare.read_file("a"), '{"content": {"base64": "?"}, "revision": "r1:0", "size": 0}'),
    (prepare.read_file("a"), '{"content": "four", "revision": "r1:0", "size": 3}'),
    (prepare.update_key("a", "b", 1), '{"target": "a", "changed": true, "revision": null, "previous": "absent"}'),
]


@pytest.mark.parametrize(("request_", "result"), BAD_RESULTS, ids=lambda value: getattr(value, "method", value))
def test_a_result_of_another_shape(request_: Any, result: str) -> None:
    """A result without the members that its method promises, or with others in their place, is a protocol error."""
    exchange = Single(request_)
    reply = f'{{"jsonrpc": "2.0", "id": {exchange.number}, "result": {result}}}'
    with pytest.raises(ProtocolError):
        exchange.judge(reply.encode(), [])


def test_a_result_with_more_than_is_known() -> None:
    """Members that a later server adds to a result are passed over."""
    exchange = Single(prepare.get_key("a", "b"))
    reply = f'{{"jsonrpc": "2.0", "id": {exchange.number}, "result": {{"value": null, "revision": "r1:0", "new": 1}}}}'
    assert exchange.judge(reply.encode(), []).value is None


def response(number: int, result: str = '"pong"') -> str:
    """A response object."""
    return f'{{"jsonrpc": "2.0", "id": {number}, "result": {result}}}'


def test_answers_to_a_batch_in_any_order() -> None:
    """The answers to a batch belong to its entries by id, whatever their order."""
    exchange = Batch([prepare.ping(), prepare.get_key("a", "b")])
    first, second = exchange.requests
    value = response(second, '{"value": 1, "revision": "r1:0"}')
    pong, held = exchange.judge(f"[{value}, {response(first)}]".encode(), [])
    assert (pong, held.value) == ("pong", 1)


@pytest.mark.parametrize("reply", ["[A]", "[A, A]", "[A, B, B]", "[A, C]", "A", "{}", '[A, {"id": 1}]'])
def test_what_is_no_answer_to_a_batch(reply: str) -> None:
    """An answer to a batch has exactly one response for each entry."""
    exchange = Batch([prepare.ping(), prepare.ping()])
    first, second = exchange.requests
    reply = reply.replace("A", response(first)).replace("B", response(second)).replace("C", response(0))
    with pytest.raises(ProtocolError):
        exchange.judge(reply.encode(), [])


def test_what_does_not_fit_is_not_sent() -> None:
    """A request above the limit is refused here, with the limit, in the server's own words."""
    with Message() as message, pytest.raises(TooLargeError) as raised:
        Single(prepare.update_key("a", "b", "x" * MAX_MESSAGE)).compose(message)
    assert raised.value.data == {"kind": "too_large", "limit": MAX_MESSAGE}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {1, 2}, b"bytes"])
def test_what_json_cannot_hold(value: Any) -> None:
    """What JSON cannot hold is a ValueError or TypeError of Python's, before anything is sent."""
    with Message() as message, pytest.raises((ValueError, TypeError)):
        Single(prepare.update_key("a", "b", value)).compose(message)
    assert message.data == b""


CONTENTS = [
    pytest.param([b"text"], 0, id="text"),
    pytest.param([b"\xff\x00"], 0, id="bytes"),
    pytest.param([b""], 0, id="empty"),
    pytest.param([b"\x01" * 30_000], 1, id="escapes make it too long"),
    pytest.param([b"x" * 131_073], 1, id="long"),
    pytest.param([b"x" * 100_000, b"y" * 100_000], 1, id="the second does not fit any more"),
    pytest.param([b"\xff" * 200_000, b"y" * 200_000], 2, id="two long ones"),
]


@pytest.mark.parametrize(("contents", "descriptors"), CONTENTS)
@pytest.mark.usefixtures("no_descriptor_stays")
def test_contents_travel_inside_as_long_as_they_fit(contents: list[bytes], descriptors: int) -> None:
    """Contents are in the message while there is room, and in descriptors of their own after that."""
    with Message() as message:
        Batch([prepare.replace_file("a", content) for content in contents]).compose(message)
        assert len(message.descriptors) == descriptors
        assert len(message.data) <= MAX_MESSAGE
