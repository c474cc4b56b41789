"""The parts of a Gemini client's contents, read into ours. Calls have ids only since Gemini 3; without them a result is its
call's by name and order."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence

import msgspec

from claude_code_router.core.chat import Document, Image, Part, ResultPart, Text, Thinking, ToolCall, ToolResult
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.gemini.client_state import unsealed
from claude_code_router.dialects.gemini.wire_names import Fields, camel, fields_of
from claude_code_router.dialects.unreadable import UNREADABLE

_text = msgspec.json.Decoder(str)
_parts_decoder = msgspec.json.Decoder(list[Fields])


class Pairing:
    """The calls of one conversation that wait for their results."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, str]] = []  # id, name
        self._made = 0

    def model_parts(self, parts: Sequence[Fields], path: str) -> Iterator[Part]:
        carried = [list(unsealed(_string(part, "thoughtSignature"))) for part in parts]
        for at, part in enumerate(parts):
            yield from carried[at]
            if bytes(part.get("thought", b"")) == b"true":
                thought = _string(part, "text")
                # A thought whose maker signed it comes back with its signature.
                if thought and not any(carried):
                    yield Thinking(text=thought)
            elif "functionCall" in part:
                yield self._call(fields_of(part["functionCall"]), f"{path}.parts[{at}]")
            else:
                yield from _plain(part, f"{path}.parts[{at}]")

    def _call(self, call: Fields, path: str) -> ToolCall:
        name = _string(call, "name")
        if not name:
            raise BadRequest(f"{path}.functionCall.name: found nothing, expected a string.")
        self._made += 1
        # Made from its place: a call that got another id in the next request would spoil the upstream's cache.
        id = _string(call, "id") or f"call_{self._made}_{name}"
        self._waiting.append((id, name))
        arguments = bytes(call.get("args", b""))
        return ToolCall(id, name, "{}" if arguments in (b"", b"null") else arguments.decode())

    def answered(self, id: str, name: str) -> str:
        """The id of the call that this is the result of."""
        by_id = next((call for call in self._waiting if id and call[0] == id), None)
        found = by_id or next((call for call in self._waiting if call[1] == name), None)
        if found is None:
            return id or name
        self._waiting.remove(found)
        return found[0]


def user_parts(parts: Sequence[Fields], pairing: Pairing, path: str) -> Iterator[Part]:
    for at, part in enumerate(parts):
        if "functionResponse" in part:
            yield _result(fields_of(part["functionResponse"]), pairing, f"{path}.parts[{at}]")
        else:
            yield from _plain(part, f"{path}.parts[{at}]")


def _result(response: Fields, pairing: Pairing, path: str) -> ToolResult:
    id = pairing.answered(_string(response, "id"), _string(response, "name"))
    said, is_error = _said(bytes(response.get("response", b"")))
    found: list[ResultPart] = [Text(said)] if said else []
    for part in _parts_decoder.decode(response.get("parts", msgspec.Raw(b"[]"))):
        found += [one for one in _plain(camel(part), path) if isinstance(one, ResultPart)]
    return ToolResult(id, tuple(found), is_error=is_error)


def _said(raw: bytes) -> tuple[str, bool]:
    """(text, is an error). By Google's convention the result stands under `output` or `error`; the SDK's own is `result`."""
    if raw in (b"", b"null"):
        return "", False
    try:
        fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except UNREADABLE:
        return raw.decode(), False
    for name in ("output", "result", "error"):
        if fields.keys() == {name}:
            value = bytes(fields[name])
            return _text.decode(value) if value.startswith(b'"') else value.decode(), name == "error"
    return raw.decode(), False


def _plain(part: Fields, path: str) -> Iterator[Part]:
    if "text" in part:
        if text := _string(part, "text"):
            yield Text(text)
    elif "inlineData" in part:
        blob = fields_of(part["inlineData"])
        yield _shown(_string(blob, "mimeType"), path, data=_string(blob, "data"))
    elif "fileData" in part:
        file = fields_of(part["fileData"])
        yield _shown(_string(file, "mimeType"), path, url=_string(file, "fileUri"))
    elif "executableCode" in part or "codeExecutionResult" in part:
        found = fields_of(part.get("executableCode") or part["codeExecutionResult"])
        yield Text(f"\n```\n{_string(found, 'code') or _string(found, 'output')}\n```\n")
    elif "functionCall" in part:
        raise BadRequest(f"{path}.functionCall: found in a user's turn, expected in a model's.")


def _shown(media_type: str, path: str, *, data: str = "", url: str = "") -> Image | Document:
    data = data.translate(_STANDARD)
    if media_type.startswith("image/"):
        return Image(media_type=media_type, data=data, url=url)
    if media_type.startswith("text/") and data:
        return Document(media_type=media_type, text=_decoded(data, path))
    if media_type.startswith(("text/", "application/")) or not media_type:
        return Document(media_type=media_type, data=data, url=url)
    raise BadRequest(f"{path}: {media_type} cannot be carried to this route's provider.")


_STANDARD = str.maketrans("-_", "+/")
"""The SDK writes bytes in base64's other alphabet, which nobody else reads."""


def _decoded(data: str, path: str) -> str:
    try:
        return base64.b64decode(data).decode("utf-8", "replace")
    except binascii.Error as error:
        raise BadRequest(f"{path}.inlineData.data: found no base64 ({error}).") from error


def _string(fields: Fields, name: str) -> str:
    raw = bytes(fields.get(name, b""))
    return _text.decode(raw) if raw.startswith(b'"') else ""
