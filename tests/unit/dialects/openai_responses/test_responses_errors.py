"""Failures of a Responses server, in Anthropic's words."""

from __future__ import annotations

import pytest

from claude_code_router.dialects.openai_responses.errors import decode_error, read_error, refusal


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "rate_limit_exceeded", "message": "m"}, "rate_limit_error"),
        ({"code": "server_error", "message": "m"}, "api_error"),
        ({"code": "invalid_prompt", "message": "m"}, "invalid_request_error"),
        ({"code": "image_too_small", "message": "m"}, "invalid_request_error"),
        ({"code": "never heard of", "message": "m"}, "api_error"),
        ({"code": [], "message": "m"}, "api_error"),
    ],
)
def test_inside_a_200(error: dict[str, object], kind: str) -> None:
    """By the code; the words stay the provider's."""
    assert read_error(error) == (kind, "m")


def test_with_a_status() -> None:
    """As chat/completions says it; an overflow in the words that make the client compact."""
    assert decode_error(401, b'{"error":{"message":"no","type":"x"}}') == ("authentication_error", "no")
    overflow = b'{"error":{"message":"maximum context length is 1000 tokens, however you requested 2000 tokens"}}'
    assert decode_error(400, overflow) == ("invalid_request_error", "prompt is too long: 2000 tokens > 1000 maximum")


def test_what_a_policy_refuses_is_a_refusal() -> None:
    """With the provider's words, or words for it."""
    assert refusal({"code": "bio_policy", "message": "flagged"}) == "flagged"
    assert refusal({"code": "bio_policy"}) == "The provider refused to answer."
    assert refusal({"code": "server_error", "message": "x"}) == ""
    assert refusal("bio_policy") == ""
