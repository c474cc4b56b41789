"""What the providers' own lists say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.catalog.cards import OwnCard
from claude_code_router.catalog.live import read_list


@pytest.mark.parametrize(
    ("body", "id", "card"),
    [
        ({"object": "list", "data": [{"id": "gpt-6", "object": "model"}]}, "gpt-6", OwnCard()),
        (
            {
                "data": [
                    {
                        "id": "claude-opus-5-5",
                        "max_input_tokens": 1_000_000,
                        "max_tokens": 128_000,
                        "capabilities": {"image_input": True, "thinking": {"supported": True}},
                    }
                ]
            },
            "claude-opus-5-5",
            OwnCard(context_tokens=1_000_000, max_output_tokens=128_000, vision=True, reasons=True),
        ),
        (
            {
                "data": [
                    {
                        "id": "a/b",
                        "context_length": 64_000,
                        "top_provider": {"max_completion_tokens": 8000},
                        "architecture": {"input_modalities": ["text"]},
                        "supported_parameters": ["tools", "reasoning"],
                    }
                ]
            },
            "a/b",
            OwnCard(context_tokens=64_000, max_output_tokens=8000, vision=False, reasons=True),
        ),
        (
            {
                "models": [
                    {"name": "models/gemini-3-pro", "inputTokenLimit": 9, "outputTokenLimit": 8, "thinking": True}
                ]
            },
            "gemini-3-pro",
            OwnCard(context_tokens=9, max_output_tokens=8, reasons=True),
        ),
        ({"data": [{"id": "local", "max_model_len": 4096}]}, "local", OwnCard(context_tokens=4096)),
    ],
    ids=["openai", "anthropic", "openrouter", "gemini", "vllm"],
)
def test_each_form_of_list(body: dict[str, Any], id: str, card: OwnCard) -> None:
    """OpenAI's, Anthropic's, OpenRouter's, Gemini's and vLLM's."""
    (row,) = read_list(json.dumps(body).encode())
    assert (row.id, row.card, row.retired) == (id, card, False)


def test_retired_is_said() -> None:
    """Anthropic's list says of a model that it is gone."""
    assert read_list(b'{"data":[{"id":"x","lifecycle":"retired"}]}')[0].retired


KEYS = st.sampled_from(["data", "models", "id", "name", "architecture", "capabilities", "context_length"])
values = st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda x: st.lists(x) | st.dictionaries(KEYS, x))


@given(st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
def test_no_list_crashes(body: bytes) -> None:
    """A list, or a ValueError that says so."""
    try:
        read_list(body)
    except ValueError as error:
        assert str(error)
