from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.plugins.frames import BODY_LIMIT_BYTES, MARK, BadFrame, Frame, FrameDecoder, encode

FRAMES = st.lists(
    st.tuples(
        st.dictionaries(st.text(max_size=5), st.text(max_size=10) | st.integers(-(2**53), 2**53), max_size=3),
        st.binary(max_size=60),
    ),
    max_size=5,
)


@given(FRAMES, st.lists(st.integers(1, 40)))
def test_any_split(frames: list[tuple[dict[str, object], bytes]], sizes: list[int]) -> None:
    """However the bytes are split, the frames that come out are those that went in."""
    stream = b"".join(b"".join(encode(header, body)) for header, body in frames)
    decoder, found = FrameDecoder(), []
    for size in [*sizes, len(stream)]:
        found += decoder.feed(stream[:size])
        stream = stream[size:]
    assert found == [Frame(header, body) for header, body in frames]


@pytest.mark.parametrize(
    "noise", [b"hello\n", b"c", b"ccr2", MARK + b"\xff" * 8, MARK + (1).to_bytes(4) + bytes(4) + b"[", b"\0"]
)
def test_noise(noise: bytes) -> None:
    """What is no frame is told at once, not waited for."""
    decoder = FrameDecoder()
    if MARK.startswith(noise):
        assert decoder.feed(noise) == []
        noise = b"onsole"
    with pytest.raises(BadFrame):
        decoder.feed(noise)


def test_giant() -> None:
    """A body that is announced as too large is not collected."""
    with pytest.raises(BadFrame, match="too large"):
        FrameDecoder().feed(MARK + (2).to_bytes(4) + (BODY_LIMIT_BYTES + 1).to_bytes(4))
