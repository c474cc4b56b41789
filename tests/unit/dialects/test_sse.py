"""The SSE loop."""

from __future__ import annotations

import pytest

from claude_code_router.core.errors import BadReply
from claude_code_router.dialects import sse
from claude_code_router.dialects.sse import SSEDecoder, SSEEvent, encode_event

CASES: list[tuple[str, bytes, list[SSEEvent]]] = [
    ("data only", b"data: a\n\n", [SSEEvent(b"", b"a")]),
    ("named", b"event: e\ndata: a\n\n", [SSEEvent(b"e", b"a")]),
    ("no space after the colon", b"event:e\ndata:a\n\n", [SSEEvent(b"e", b"a")]),
    ("only one space is taken", b"data:  a\n\n", [SSEEvent(b"", b" a")]),
    ("data before the name", b"data: a\nevent: e\n\n", [SSEEvent(b"e", b"a")]),
    ("the last name wins", b"event: e\nevent: f\ndata: a\n\n", [SSEEvent(b"f", b"a")]),
    ("several data lines are joined", b"data: a\ndata: b\ndata\n\n", [SSEEvent(b"", b"a\nb\n")]),
    ("several data lines behind a name", b"event: e\ndata: a\ndata: b\n\n", [SSEEvent(b"e", b"a\nb")]),
    ("CRLF", b"event: e\r\ndata: a\r\n\r\n", [SSEEvent(b"e", b"a")]),
    ("CR", b"event: e\rdata: a\r\r", [SSEEvent(b"e", b"a")]),
    ("mixed line ends", b"event: e\rdata: a\r\n\ndata: b\n\r\n", [SSEEvent(b"e", b"a"), SSEEvent(b"", b"b")]),
    ("BOM", b"\xef\xbb\xbfdata: a\n\n", [SSEEvent(b"", b"a")]),
    ("BOM only at the start", b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [SSEEvent(b"", b"a")]),
    ("comments", b": hello\n\ndata: a\n: in between\ndata: b\n\n:\n\n", [SSEEvent(b"", b"a\nb")]),
    ("other fields", b"id: 1\nretry: 5\nfoo: bar\ndata: a\n\n", [SSEEvent(b"", b"a")]),
    ("a name without data is no event", b"event: e\n\ndata: a\n\n", [SSEEvent(b"", b"a")]),
    ("empty data is no event", b"data:\n\ndata\n\n", []),
    ("many blank lines", b"\n\n\ndata: a\n\n\n\n\ndata: b\n\n", [SSEEvent(b"", b"a"), SSEEvent(b"", b"b")]),
    ("a colon in the data", b"data: {a:b}\n\n", [SSEEvent(b"", b"{a:b}")]),
    ("an unfinished last event", b"data: a\n\ndata: [DONE]", [SSEEvent(b"", b"a"), SSEEvent(b"", b"[DONE]")]),
    ("an unfinished last event with its line end", b"data: [DONE]\n", [SSEEvent(b"", b"[DONE]")]),
    ("nothing", b"", []),
    ("a lone BOM", b"\xef\xbb\xbf", []),
]


@pytest.mark.parametrize(("stream", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize("step", [1, 2, 3, 1000])
def test_reads_what_the_standard_says(stream: bytes, expected: list[SSEEvent], step: int) -> None:
    """The same events come out however the bytes are cut."""
    decoder = SSEDecoder()
    events = [event for i in range(0, len(stream), step) for event in decoder.feed(stream[i : i + step])]
    assert events + decoder.close() == expected


def test_an_event_comes_out_with_its_blank_line() -> None:
    """An event is not held back for bytes behind it, also where CR could still be followed by LF."""
    assert SSEDecoder().feed(b"data: a\n\n") == [SSEEvent(b"", b"a")]
    assert SSEDecoder().feed(b"data: a\r\r") == [SSEEvent(b"", b"a")]
    assert SSEDecoder().feed(b"data: a\r\n\r") == [SSEEvent(b"", b"a")]


@pytest.mark.parametrize(
    ("stream", "boundary"),
    [
        (b"", True),
        (b"data: a\n\n", True),
        (b"data: a\n\n\n", True),
        (b"data: a\n", False),
        (b"da", False),
        (b": c\n", False),
    ],
)
def test_knows_its_boundaries(stream: bytes, boundary: bool) -> None:
    """At a boundary nothing of an unfinished event is held."""
    decoder = SSEDecoder()
    decoder.feed(stream)
    assert decoder.at_boundary is boundary


def test_an_endless_event_is_refused() -> None:
    """A server that never ends its line does not fill the memory."""
    decoder = SSEDecoder()
    piece = b"x" * (sse.MAX_EVENT_BYTES // 4)
    with pytest.raises(BadReply, match="without ending it"):
        for _ in range(5):
            decoder.feed(piece)


def test_writes_what_it_reads() -> None:
    """An encoded event is decoded to itself."""
    assert SSEDecoder().feed(encode_event(b"e", b'{"a":1}')) == [SSEEvent(b"e", b'{"a":1}')]
