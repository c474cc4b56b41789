"""A rich request obeys the Responses API's strictness at every vendor that has it."""

from __future__ import annotations

import msgspec
import pytest
from tests.contract.test_providers import CASES, REQUESTS, RESPONSES
from tests.e2e.responses_rules import complaints

from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_responses.request import encode_request
from claude_code_router.providers.preset import Preset

LEVELS = {
    "gpt-5": {"minimal", "low", "medium", "high"},
    "gpt-5.1": {"none", "low", "medium", "high"},
    "gpt-5.6-sol": {"none", "low", "medium", "high", "xhigh"},
    "gpt-6-astra": {"low", "medium", "high", "xhigh", "max"},
    "o3": {"low", "medium", "high"},
}


@pytest.mark.parametrize(
    ("preset", "model"),
    [case for case in CASES if case[0] in RESPONSES],
    ids=lambda value: value.name if isinstance(value, Preset) else value,
)
def test_rich_requests_are_taken(preset: Preset, model: str) -> None:
    """Tools beside reasoning, in the model's own levels; nothing that the API refuses."""
    quirks = preset.quirks_for(model)
    for chat in REQUESTS:
        written = encode_request(chat, model, quirks, "p,m")
        assert complaints(written) == []
        body = msgspec.json.decode(written)
        effort = body.get("reasoning", {}).get("effort")
        if model in LEVELS and effort is not None:
            assert effort in LEVELS[model]
        if model in ("gpt-4.1", "gpt-5-chat-latest", "my-deployment"):
            assert "reasoning" not in body
            assert "reasoning.encrypted_content" not in body.get("include", ())
        else:
            assert "reasoning.encrypted_content" in body["include"]
            assert (chat.thinking == "") == ("reasoning" not in body) or chat.effort
        assert (effort == "minimal") <= ("tools" not in body), "beside which it does not search"


def test_the_careful_middle_is_valid_too() -> None:
    """A gateway without a preset gets nothing that not every server has."""
    for chat in REQUESTS:
        written = encode_request(chat, "m", ChatQuirks())
        assert complaints(written) == []
        assert not {"reasoning", "prompt_cache_key", "safety_identifier"} & msgspec.json.decode(written).keys()
