"""AWS's event stream, judged by botocore's own decoder."""

from __future__ import annotations

import struct
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.core.errors import BadReply
from claude_code_router.dialects.eventstream import EventStreamDecoder


def message(headers: dict[str, str], payload: bytes, extra: bytes = b"") -> bytes:
    block = extra
    for name, value in headers.items():
        block += (
            bytes([len(name.encode())])
            + name.encode()
            + b"\x07"
            + struct.pack(">H", len(value.encode()))
            + value.encode()
        )
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    data = prelude + struct.pack(">I", crc32(prelude)) + block + payload
    return data + struct.pack(">I", crc32(data))


texts = st.text(min_size=1, max_size=12)
names = texts.filter(lambda text: len(text.encode()) < 200)
messages = st.lists(st.tuples(st.dictionaries(names, texts, max_size=3), st.binary(max_size=60)), max_size=5)


@given(messages, st.lists(st.integers(1, 40), max_size=40))
def test_as_botocore_reads_it(content: list[tuple[dict[str, str], bytes]], sizes: list[int]) -> None:
    """Any split of the bytes gives the messages that AWS's own decoder gives."""
    stream = b"".join(message(headers, payload) for headers, payload in content)
    judge = EventStreamBuffer()
    judge.add_data(stream)
    wanted = [(event.headers, event.payload) for event in judge]
    decoder, found, at = EventStreamDecoder(), [], 0
    for size in sizes:
        found += decoder.feed(stream[at : at + size])
        at += size
    found += decoder.feed(stream[at:])
    assert [(one.headers, one.payload) for one in found] == wanted == [(h, p) for h, p in content]
    assert decoder.at_boundary


@given(st.binary(max_size=200), st.data())
def test_damage_is_told(noise: bytes, data: st.DataObject) -> None:
    """Noise and mutilated messages: nothing, or BadReply."""
    whole = bytearray(message({":message-type": "event"}, b"{}"))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    for stream in (noise, bytes(whole)):
        try:
            assert not EventStreamDecoder().feed(stream)
        except BadReply as error:
            assert error.message


def test_other_kinds_of_header_are_passed_over() -> None:
    """Numbers, times and bytes have no text; what stands behind them is read all the same."""
    extra = b"\x01b\x00" + b"\x01i\x04" + b"\0" * 4 + b"\x01t\x08" + b"\0" * 8 + b"\x01y\x06\x00\x02ab"
    (found,) = EventStreamDecoder().feed(message({":event-type": "chunk"}, b"x", extra))
    assert found.headers == {":event-type": "chunk"}


def test_a_length_that_cannot_be_fills_no_memory() -> None:
    """A message of a gigabyte is refused at its prelude."""
    prelude = struct.pack(">II", 1 << 30, 0)
    with pytest.raises(BadReply, match="1073741824"):
        EventStreamDecoder().feed(prelude + struct.pack(">I", crc32(prelude)))
