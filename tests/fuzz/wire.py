"""What must hold for the bytes of any datagram: read as the reference reads them, and written as they can be read."""

import pytest

from rpcd.errors import Refused
from rpcd.wire import decode, encode
from tests.fuzz.reference import NotJson, read

__all__ = ["check"]


def check(data: bytes) -> None:
    """`decode` takes what the reference takes, as the same value; `encode` writes it so that both read it again."""
    try:
        expected = read(data)
    except NotJson:
        with pytest.raises(Refused) as refused:
            decode(data)
        assert refused.value.error()["data"] == {"kind": "parse_error"}
        return
    value = decode(data)
    assert repr(value) == repr(expected), "the two read different values"
    written = encode(value)
    assert repr(read(written)) == repr(value), "what was written is not what was read"
    assert repr(decode(written)) == repr(value)
