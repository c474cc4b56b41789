"""The URL of one call: Gemini has the model and the method in the path."""

from __future__ import annotations

from urllib.parse import quote


def endpoint(url: str, model: str, *, stream: bool) -> str:
    """`url` is the base as the config has it, `…/v1beta/models/` (with or without its last slash)."""
    base, _, query = url.partition("?")
    name = quote(model.removeprefix("models/"), safe="-._~@")
    method = "streamGenerateContent" if stream else "generateContent"
    asked = [part for part in (query, "alt=sse" if stream else "") if part]
    return f"{base.rstrip('/')}/{name}:{method}" + (f"?{'&'.join(asked)}" if asked else "")
