"""Anthropic's dialect as other clouds serve it: the model and the method in the URL, the version and the betas in the body.

Vertex AI: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude; Bedrock's InvokeModel:
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html; anthropic SDK 2.12.0,
LiteLLM 1.109.1 (the betas and fields that Bedrock refuses). Read 2026-11.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from claude_code_router.core.errors import BadReply
from claude_code_router.dialects.anthropic_messages.errors import decode_error as decode_anthropic_error
from claude_code_router.dialects.anthropic_messages.errors import encode_error_event
from claude_code_router.dialects.eventstream import EventStreamDecoder, Message
from claude_code_router.dialects.gemini.errors import decode_error as decode_google_error
from claude_code_router.dialects.openai_chat.errors import classify
from claude_code_router.dialects.unreadable import UNREADABLE, plain

Headers = Sequence[tuple[str, str]]

_VERTEX_VERSION = "vertex-2023-10-16"
_BEDROCK_VERSION = "bedrock-2023-05-31"  # the newer 2026-10-21 is known to Claude 4.7 and later only

_BEDROCK_FIELDS = frozenset({
    "anthropic_version", "anthropic_beta", "max_tokens", "messages", "system", "stop_sequences", "temperature", "top_p",
    "top_k", "tools", "tool_choice", "thinking", "metadata", "output_config", "safeguards",
})  # fmt: skip
"""All others are answered with 400 "Extra inputs are not permitted"."""

_BEDROCK_REFUSES = (
    "advisor", "code-execution", "fast-mode", "files-api", "interleaved-thinking", "mcp-client", "output-128k", "skills",
    "token-efficient", "web-", "context-management", "prompt-caching-scope", "oauth",
)  # fmt: skip
_BEDROCK_NAMES = {"advanced-tool-use-2025-11-20": "tool-search-tool-2025-10-19"}
_VERTEX_REFUSES = (
    "advisor", "code-execution", "effort", "fast-mode", "fine-grained", "mcp", "skills", "structured-outputs", "web-fetch",
    "oauth",
)  # fmt: skip

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


def vertex_request(url: str, model: str, headers: Headers, body: bytes) -> tuple[str, Headers, bytes]:
    fields = _members.decode(body)
    stream = _streams(fields)
    fields.pop("model", None)
    fields.setdefault("anthropic_version", msgspec.Raw(_encode(_VERTEX_VERSION)))
    betas = [beta for beta in _betas(headers) if not beta.startswith(_VERTEX_REFUSES)]
    kept = _without(headers, "anthropic-version", "anthropic-beta")
    if betas:
        kept.append(("anthropic-beta", ",".join(betas)))
    method = "streamRawPredict" if stream else "rawPredict"
    return f"{_base(url)}{quote(model, safe='-._~@')}:{method}", kept, _encode(fields)


def bedrock_request(url: str, model: str, headers: Headers, body: bytes) -> tuple[str, Headers, bytes]:
    fields = _members.decode(body)
    stream = _streams(fields)
    kept = {name: value for name, value in fields.items() if name in _BEDROCK_FIELDS}
    kept["anthropic_version"] = msgspec.Raw(_encode(_BEDROCK_VERSION))
    betas = [_BEDROCK_NAMES.get(beta, beta) for beta in _betas(headers) if not beta.startswith(_BEDROCK_REFUSES)]
    if betas:
        kept["anthropic_beta"] = msgspec.Raw(_encode(betas))
    if "tools" in kept:
        kept.update(_own_tools(kept.pop("tools"), kept.pop("tool_choice", None)))
    method = "invoke-with-response-stream" if stream else "invoke"
    wire = _without(headers, "anthropic-version", "anthropic-beta", "accept")
    return f"{_base(url)}{quote(model, safe=':;-._~')}/{method}", wire, _encode(kept)


def _streams(fields: Mapping[str, msgspec.Raw]) -> bool:
    return bytes(fields.get("stream", msgspec.Raw(b""))) == b"true"


def _own_tools(tools: msgspec.Raw, choice: msgspec.Raw | None) -> dict[str, msgspec.Raw]:
    """Bedrock runs no web tools; a choice without tools is refused."""
    listed = msgspec.json.decode(tools, type=list[dict[str, msgspec.Raw]])
    own = [
        tool
        for tool in listed
        if not bytes(tool.get("type", msgspec.Raw(b""))).startswith((b'"web_', b'"code_execution'))
    ]
    if not own:
        return {}
    return {"tools": msgspec.Raw(_encode(own)), **({"tool_choice": choice} if choice is not None else {})}


def _base(url: str) -> str:
    return url.partition("?")[0].rstrip("/") + "/"


def _betas(headers: Headers) -> list[str]:
    return [
        beta.strip() for name, value in headers if name == "anthropic-beta" for beta in value.split(",") if beta.strip()
    ]


def _without(headers: Headers, *names: str) -> list[tuple[str, str]]:
    return [header for header in headers if header[0] not in names]


# --- replies ---

_EXCEPTIONS: Mapping[str, str] = {
    "throttlingException": "rate_limit_error",
    "modelStreamErrorException": "api_error",
    "internalServerException": "api_error",
    "modelTimeoutException": "timeout_error",
    "validationException": "invalid_request_error",
    "serviceUnavailableException": "overloaded_error",
}


class _Chunk(msgspec.Struct):
    bytes: str = ""


class _Typed(msgspec.Struct):
    type: str = ""


_chunk_decoder = msgspec.json.Decoder(_Chunk)
_type_decoder = msgspec.json.Decoder(_Typed)


class BedrockStream:
    """AWS's frames in, Anthropic's server-sent events out."""

    def __init__(self) -> None:
        self._frames = EventStreamDecoder()
        self._over = False

    def feed(self, chunk: bytes) -> bytes:
        if self._over:
            return b""
        try:
            return b"".join([self._event(message) for message in self._frames.feed(chunk)])
        except (BadReply, *UNREADABLE, binascii.Error) as error:
            self._over = True
            return encode_error_event("api_error", f"The provider's event stream cannot be read: {error}")

    def _event(self, message: Message) -> bytes:
        kind = message.headers.get(":message-type", "event")
        if self._over:
            return b""
        if kind != "event":
            self._over = True
            name = message.headers.get(":exception-type") or message.headers.get(":error-code", "")
            return encode_error_event(_EXCEPTIONS.get(name, "api_error"), _message_of(message.payload) or name)
        if message.headers.get(":event-type") != "chunk":
            return b""
        data = base64.b64decode(_chunk_decoder.decode(message.payload).bytes, validate=True)
        return b"event: %b\ndata: %b\n\n" % (_type_decoder.decode(data).type.encode(), data.replace(b"\n", b" "))


def decode_bedrock_error(status: int, body: bytes) -> tuple[str, str]:
    message = _message_of(body) or plain(body) or f"The provider answered with status {status}."
    return classify(status, "", "", message)


def decode_vertex_error(status: int, body: bytes) -> tuple[str, str]:
    """Anthropic's own words pass through Vertex; the rest are Google's."""
    if b'"type"' in body and (found := decode_anthropic_error(body))[1] and _is_anthropic(body):
        return found
    return decode_google_error(status, body)


def _is_anthropic(body: bytes) -> bool:
    found = _object(body)
    return found.get("type") == "error" and isinstance(found.get("error"), dict)


def _message_of(body: bytes) -> str:
    found = _object(body)
    value = found.get("message") or found.get("Message")
    return value if isinstance(value, str) else ""


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except UNREADABLE:
        return {}
    return found if isinstance(found, dict) else {}
