"""The official SDK as the judge of every recorded client stream."""

from __future__ import annotations

import json
from pathlib import Path

import anthropic
import httpx2
import pytest

from claude_code_router.dialects.anthropic_messages.encoder import encode_reply
from claude_code_router.dialects.anthropic_messages.request import decode_request
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.reply import decode_reply

CASES = sorted(path.parent for path in (Path(__file__).parent / "openai_chat").glob("*/upstream.sse"))
ENDED = [case for case in CASES if b"event: message_stop" in (case / "expected.sse").read_bytes()]
FAILED = [case for case in CASES if case not in ENDED]
CUT_ARGUMENTS = {"17_finish_length", "26_string_cut"}
"""The SDK reads half an object as far as it goes; our whole reply says that it could not be read."""


def accumulated(stream: bytes) -> anthropic.types.Message:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)

    client = anthropic.Anthropic(
        api_key="k",
        base_url="http://scripted",
        max_retries=0,
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    )
    with client, client.messages.stream(model="m", max_tokens=5, messages=[{"role": "user", "content": "x"}]) as events:
        for _ in events:
            pass
        return events.get_final_message()


@pytest.mark.parametrize("case", ENDED, ids=[case.name for case in ENDED])
def test_ended_streams_are_accepted(case: Path) -> None:
    """The SDK accumulates the stream to the content of our whole reply."""
    message = accumulated((case / "expected.sse").read_bytes())
    request, quirks = case / "request.json", case / "quirks.json"
    events = decode_reply(
        (case / "upstream.sse").read_bytes(),
        ChatQuirks(**json.loads(quirks.read_text())) if quirks.exists() else ChatQuirks(),
        decode_request(request.read_bytes()) if request.exists() else None,
    )
    whole = json.loads(encode_reply(events, "msg_1", "claude-asked-for"))
    assert message.stop_reason == whole["stop_reason"]
    if case.name not in CUT_ARGUMENTS:
        assert [block.model_dump(exclude_unset=True) for block in message.content] == whole["content"]


@pytest.mark.parametrize("case", FAILED, ids=[case.name for case in FAILED])
def test_failed_streams_are_errors(case: Path) -> None:
    """A stream that failed raises in the SDK: nobody takes half an answer for a whole one."""
    with pytest.raises((anthropic.APIStatusError, RuntimeError)):
        accumulated((case / "expected.sse").read_bytes())
