"""What must hold for the bytes of any datagram: read as the reference reads them, and written as they can be read."""

import pytest

from rpcd.errors import Refused
from rpcd.wire import decode, encode
from tests.fuzz.reference import MAX_VALUES, NotJson, TooManyValues, read

__all__ = ["check"]


def check(data: bytes) -> None:
    """`decode` takes what the reference takes, as the same value; `encode` writes it so that both read it again."""
    try:
        expected = read(data)
    except NotJson as error:
        with pytest.raises(Refused) as refused:
            decode(data)
        kind = refused.value.kind
        # What has too many commas and brackets is not read any further, whatever it is.
        too_many = isinstance(error, TooManyValues) or (kind == "too_large" and len(data) > MAX_VALUES)
        assert kind == ("too_large" if too_many else "parse_error")
        return
    value = decode(data)
    assert repr(value) == repr(expected), "the two read different values"
    written = encode(value)
    assert repr(read(written)) == repr(value), "what was written is not what was read"
    assert repr(decode(written)) == repr(value)
