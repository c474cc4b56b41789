"""What the tests of requests are written in: turns of a client, messages of chat/completions, and the way between them."""

from __future__ import annotations

import json
from typing import Any

from claude_code_router.dialects.anthropic_messages.request import decode_request
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.request import encode_request

Json = Any


def sent(request: dict[str, Json], **quirks: Json) -> dict[str, Json]:
    body = {"model": "claude-x", "messages": [{"role": "user", "content": "hi"}], **request}
    chat = decode_request(json.dumps(body).encode())
    decoded: dict[str, Json] = json.loads(encode_request(chat, "m-1", ChatQuirks(**quirks)))
    return decoded


def messages(turns: list[Json], **quirks: Json) -> list[Json]:
    system = quirks.pop("system", None)
    return list(sent({"messages": turns} | ({"system": system} if system else {}), **quirks)["messages"])


def user(content: Json) -> dict[str, Json]:
    return {"role": "user", "content": content}


def assistant(*blocks: Json) -> dict[str, Json]:
    return {"role": "assistant", "content": list(blocks)}


def text(words: str, **more: Json) -> dict[str, Json]:
    return {"type": "text", "text": words, **more}


def use(id: str, name: str = "Bash", input: Json = None) -> dict[str, Json]:
    return {"type": "tool_use", "id": id, "name": name, "input": {} if input is None else input}


def result(id: str, content: Json = "ok", **more: Json) -> dict[str, Json]:
    return {"type": "tool_result", "tool_use_id": id, "content": content, **more}


def called(id: str, name: str = "Bash", arguments: str = "{}") -> dict[str, Json]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(id: str, content: Json = "ok") -> dict[str, Json]:
    return {"role": "tool", "tool_call_id": id, "content": content}


PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBOR"}}
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBOR"}}
CALLS = {"role": "assistant", "content": None, "tool_calls": [called("a")]}


def schema(**properties: Json) -> dict[str, Json]:
    return {"type": "object", "properties": properties}
