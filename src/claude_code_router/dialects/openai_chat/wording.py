"""What requests of both of OpenAI's dialects have in common when they are read."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from claude_code_router.core.chat import Tool
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.anthropic_messages.blocks import wrong as _wrong
from claude_code_router.dialects.unreadable import UNREADABLE

_DATA_URL = re.compile(r"data:([^;,]*)(?:;[^;,]*)*;base64,", re.IGNORECASE)
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])

JSON_ONLY = "Answer with exactly one JSON object, without any other text or code fence."
"""`json_object` as words, for servers that have no such switch."""

WEB_SEARCH = Tool(name="web_search", server_type="web_search_20250305")
"""OpenAI's own search, asked for in the words that all our dialects read."""


class Effort(msgspec.Struct, frozen=True):
    thinking: str = ""
    level: str = ""


def effort_of(value: Any) -> Effort:
    """`none` switches thinking off; `minimal` is the lowest level that others have."""
    if not isinstance(value, str) or not value:
        return Effort()
    level = value.lower()
    if level == "none":
        return Effort("disabled")
    return Effort("adaptive", "low" if level == "minimal" else level)


def read_fields(body: bytes) -> dict[str, msgspec.Raw]:
    """The top-level fields. Raises BadRequest when the body is no JSON object."""
    try:
        return _fields_decoder.decode(body)
    except UNREADABLE as error:
        raise wrong(error) from error


def wrong(error: Exception) -> BadRequest:
    return _wrong("", error)


def data_url(url: str) -> tuple[str, str]:
    """(media type, base64) of a data URL; both empty for any other."""
    match = _DATA_URL.match(url)
    return (match[1], url[match.end() :]) if match else ("", "")


def members(value: Any) -> dict[str, Any]:
    """Of an object; none of anything else."""
    return value if isinstance(value, dict) else {}


def entries(value: Any) -> list[Any]:
    """Of an array; none of anything else."""
    return value if isinstance(value, list) else []


def schema_of(format: Any) -> msgspec.Raw | None:
    """Of `{name, schema, strict}`."""
    schema = format.get("schema") if isinstance(format, dict) else None
    return msgspec.Raw(msgspec.json.encode(schema)) if isinstance(schema, dict) else None
