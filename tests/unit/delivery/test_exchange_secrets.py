"""A relayed stream keeps every byte, and its error events lose the owner's secrets, wherever the network cuts them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.delivery.world import BODY, HEADERS, STREAM

from claude_code_router.core.inbound import Inbound
from claude_code_router.core.secrets import Secrets
from claude_code_router.core.target import Target
from claude_code_router.delivery.exchange import Exchange, exchange_for
from claude_code_router.providers.build import ProviderEntry, build_provider

KEY = "0123456789abcdefhexkey.QQ"
BEFORE = (
    b'event: message_start\ndata: {"type":"message_start","message":{"role":"assistant"}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text"}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"text":"event: error"}}\n\n'
)
ERROR = b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"no %b"}}\n\n' % KEY.encode()
END = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n'  # noqa: E501


def relay() -> Exchange:
    provider, _ = build_provider(ProviderEntry(name="p", api_base_url="http://x/v1/messages", api_key=KEY), "P")
    inbound = Inbound(id="req_1", path="/v1/messages", query="", headers=HEADERS, header={}, body=BODY, received_at=0.0)
    return exchange_for(inbound, STREAM, Target("p", "claude-opus-5-5"), provider, Secrets([KEY]))


def fed(stream: bytes, places: list[int]) -> tuple[bytes, Exchange]:
    here = relay()
    cuts = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    out = [here.feed(stream[a:b]) for a, b in pairwise(cuts)]
    return b"".join([*out, here.finish()]), here


places = st.lists(st.integers(min_value=0, max_value=2_000), max_size=8)


@given(places, st.booleans())
def test_a_split_error_does_not_tell_the_key(cuts: list[int], crlf: bool) -> None:
    """The client gets the same bytes with the key struck out, whatever the cuts."""
    stream = BEFORE + ERROR
    stream = stream.replace(b"\n", b"\r\n") if crlf else stream
    out, here = fed(stream, cuts)
    assert out == stream.replace(KEY.encode(), b"[redacted]")
    assert here.failure is not None
    assert KEY not in here.failure.message


@given(places)
def test_other_streams_keep_every_byte(cuts: list[int]) -> None:
    """Also one that says `event: error` in a text, and has the key in it: only errors are looked at."""
    stream = BEFORE + BEFORE.replace(b"event: error", KEY.encode()) + END
    out, here = fed(stream, cuts)
    assert out == stream
    assert here.failure is None


@pytest.mark.parametrize("cut", range(1, len(ERROR) - 2, 7))
def test_an_error_that_is_cut_off_is_told_as_far_as_it_came(cut: int) -> None:
    """Its beginning is not lost, and a whole key in it is struck out."""
    out, here = fed(BEFORE + ERROR[:cut], [len(BEFORE), len(BEFORE) + 3])
    assert out == BEFORE + ERROR[:cut].replace(KEY.encode(), b"[redacted]")
    assert here.failure is not None
