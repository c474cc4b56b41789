"""Recorded shapes of replies of Ollama's own API, and the Anthropic stream that each becomes.

A case is a folder: `why.txt`, `upstream.ndjson` (the upstream's bytes), `expected.sse` (the client's). After a wanted change,
`uv run python tests/golden/test_ollama.py` writes every `expected.sse` anew: read the diff.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from claude_code_router.dialects.anthropic_messages.encoder import ReplyEncoder
from claude_code_router.dialects.ollama_chat.reply import ReplyDecoder
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks

CASES = sorted(path.parent for path in (Path(__file__).parent / "ollama").glob("*/upstream.ndjson"))


def translated(case: Path, step: int) -> bytes:
    decoder = ReplyDecoder(ChatQuirks())
    encoder = ReplyEncoder("msg_1", "claude-asked-for", 77)
    upstream = (case / "upstream.ndjson").read_bytes()
    out = b""
    for i in range(0, len(upstream), step):
        out += b"".join(encoder.feed(event) for event in decoder.feed(upstream[i : i + step]))
    return out + b"".join(encoder.feed(event) for event in decoder.close()) + encoder.close()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_expected_stream_comes_out(case: Path) -> None:
    """The whole client stream is as recorded, also when the upstream's bytes arrive one by one."""
    expected = (case / "expected.sse").read_bytes().decode()
    assert translated(case, 1 << 20).decode() == expected
    assert translated(case, 1).decode() == expected
    assert (case / "why.txt").read_text().strip()


if __name__ == "__main__":
    for one in CASES:
        (one / "expected.sse").write_bytes(translated(one, 1 << 20))
