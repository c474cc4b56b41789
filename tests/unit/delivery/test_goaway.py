"""GOAWAY frames are taken out of a server's bytes, and nothing else is."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.delivery.goaway import Goaway, GoawaySifter


def frame(kind: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, 0)) + b"\x00\x00\x00\x01" + payload


OTHERS = st.builds(frame, st.sampled_from((0, 1, 3, 4, 6, 8)), st.binary(max_size=40))
GOAWAYS = st.builds(Goaway, st.integers(0, 2**31 - 1), st.integers(0, 2**32 - 1))


def spelled(goaway: Goaway, more: bytes) -> bytes:
    return frame(7, goaway.last_stream_id.to_bytes(4, "big") + goaway.error_code.to_bytes(4, "big") + more)


@given(st.lists(st.one_of(OTHERS, st.tuples(GOAWAYS, st.binary(max_size=9)))), st.lists(st.integers(0, 300)))
def test_any_split_gives_the_same(frames: list[bytes | tuple[Goaway, bytes]], cuts: list[int]) -> None:
    """However the bytes arrive, the others come out as they were and each GOAWAY is read."""
    data = b"".join(one if isinstance(one, bytes) else spelled(*one) for one in frames)
    sifter, out, found = GoawaySifter(), b"", []
    places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    for start, end in pairwise(places):
        kept, goaways = sifter.sift(data[start:end])
        out += kept
        found += goaways
    assert out == b"".join(one for one in frames if isinstance(one, bytes))
    assert found == [one[0] for one in frames if not isinstance(one, bytes)]
