"""A client's request without the web search that the provider would run, everything else byte for byte. For clients that offer
it with every request, beside tools of their own."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

_GOOGLES = frozenset({"googleSearch", "google_search", "googleSearchRetrieval", "google_search_retrieval"})


class _Tool(msgspec.Struct):
    type: str = ""


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_TOOL = msgspec.json.Decoder(_Tool)
_encode = msgspec.json.Encoder().encode


def openai_without_search(body: bytes) -> bytes:
    """Of either of OpenAI's dialects, one that has been read as such before."""
    fields = _FIELDS.decode(body)
    fields.pop("web_search_options", None)
    if "tools" in fields:
        kept = [tool for tool in _LIST.decode(fields["tools"]) if not _TOOL.decode(tool).type.startswith("web_search")]
        fields["tools"] = msgspec.Raw(_encode(kept))
    return _encode(fields)


def gemini_without_search(body: bytes) -> bytes:
    """One that has been read as a Gemini request before."""
    fields = _FIELDS.decode(body)
    if "tools" in fields:
        left = [_without_googles(_FIELDS.decode(tool)) for tool in _LIST.decode(fields["tools"])]
        fields["tools"] = msgspec.Raw(_encode([tool for tool in left if tool]))
    return _encode(fields)


def _without_googles(tool: Mapping[str, msgspec.Raw]) -> Mapping[str, msgspec.Raw]:
    return {name: value for name, value in tool.items() if name not in _GOOGLES}
