"""A body that is a stream or one JSON text, whatever was asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.dialects.sse import SSEEvent
from claude_code_router.dialects.sse_or_json import SSEOrJSON

JSON = b' \n{"a": [1]} \n'
STREAM = b"\xef\xbb\xbf\r\nevent: x\r\ndata: {1}\r\n\r\ndata: 2"


@given(st.lists(st.integers(0, 9), max_size=30), st.sampled_from([JSON, b"\xef\xbb\xbf" + JSON, STREAM]))
def test_any_split_gives_the_same(sizes: list[int], body: bytes) -> None:
    """Which it is, is seen from the first byte that says something, however late it comes."""
    it, events, at = SSEOrJSON(), list[SSEEvent](), 0
    for size in sizes:
        events += it.feed(body[at : at + size])
        at += size
    events += it.feed(body[at:])
    rest, whole = it.close()
    if body is STREAM:
        assert (events + rest, whole) == ([SSEEvent(b"x", b"{1}"), SSEEvent(b"", b"2")], None)
    else:
        assert (events, rest, whole) == ([], [], JSON.strip())


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_nothing_is_neither(body: bytes) -> None:
    """Blank bytes alone."""
    it = SSEOrJSON()
    assert it.feed(body) == []
    assert it.close() == ([], None)
