"""Pictures in a request: found in every dialect, put into words, and everything else as it was."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from claude_code_router.core.chat import Image
from claude_code_router.core.errors import BadRequest
from claude_code_router.core.inbound import ClientDialect
from claude_code_router.dialects.pictures import digest, in_words, pictures_in

DATA, URL = Image(media_type="image/png", data="aGk="), Image(url="https://x/y.png")
DATA_URL = "data:image/png;base64,aGk="

Case = tuple[ClientDialect, str, dict[str, Any], dict[str, Any], dict[str, Any]]
FORMS: list[Case] = [
    (
        "anthropic",
        "messages",
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
        {"type": "text", "text": "a cat"},
    ),
    (
        "openai_chat",
        "messages",
        {"type": "image_url", "image_url": {"url": DATA_URL, "detail": "high"}},
        {"type": "image_url", "image_url": "https://x/y.png"},
        {"type": "text", "text": "a cat"},
    ),
    (
        "openai_responses",
        "input",
        {"type": "input_image", "image_url": DATA_URL},
        {"type": "input_image", "image_url": "https://x/y.png"},
        {"type": "input_text", "text": "a cat"},
    ),
    (
        "gemini",
        "contents",
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://x/y.png"}},
        {"text": "a cat"},
    ),
]


@pytest.mark.parametrize(("dialect", "where", "data", "url", "words"), FORMS, ids=[case[0] for case in FORMS])
def test_pictures_are_found_and_replaced(
    dialect: ClientDialect, where: str, data: dict[str, Any], url: dict[str, Any], words: dict[str, Any]
) -> None:
    """Deep ones too (a tool's result holds them), the newest first, each once; what has no words stays."""
    turns = [{"role": "user", "content": [data, {"nested": [url, data]}]}, {"role": "user", "content": "hi"}]
    body = json.dumps({"model": "m", "odd": [1.5, None], where: turns, "tools": [{"schema": data}]}).encode()
    assert pictures_in(body, dialect) == (DATA, URL)
    seen = json.loads(in_words(body, dialect, {DATA: "a cat"}))
    assert seen[where][0]["content"] == [words, {"nested": [url, words]}]
    assert seen["tools"] == [{"schema": data}]
    assert seen["odd"] == [1.5, None]


def test_every_dialect_has_its_form() -> None:
    """A client of any dialect may send a picture."""
    assert {case[0] for case in FORMS} == set(get_args(ClientDialect))


def test_a_cache_mark_stays() -> None:
    """The breakpoint that stood on a picture stands on its words."""
    block = {**FORMS[0][2], "cache_control": {"type": "ephemeral"}}
    body = json.dumps({"messages": [{"role": "user", "content": [block]}]}).encode()
    [said] = json.loads(in_words(body, "anthropic", {DATA: "a cat"}))["messages"][0]["content"]
    assert said == {"type": "text", "text": "a cat", "cache_control": {"type": "ephemeral"}}


def test_equal_pictures_have_equal_digests() -> None:
    """By their bytes or their place, whatever type was declared."""
    assert digest(DATA) == digest(Image(media_type="image/jpeg", data="aGk="))
    assert digest(DATA) != digest(URL)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"1"])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    """In words, as every decoder."""
    with pytest.raises(BadRequest):
        pictures_in(body, "anthropic")


@pytest.mark.parametrize(
    "odd", [{"type": "image"}, {"type": "image", "source": 1}, {"type": "image", "source": {"type": "file"}}]
)
def test_odd_blocks_are_no_pictures(odd: dict[str, Any]) -> None:
    """What only its own server holds, or what is broken, stays for the encoder to tell."""
    body = json.dumps({"messages": [{"role": "user", "content": [odd]}]}).encode()
    assert pictures_in(body, "anthropic") == ()
