"""The conversation as Gemini's contents.

Roles alternate, the first turn is the user's, and the turn behind a model's calls answers each of them first. So the turns
are taken in windows: one model turn (several in a row are merged, as Anthropic does) and everything up to the next one.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

import msgspec

from claude_code_router.core.chat import (
    ChatRequest,
    Document,
    Image,
    Opaque,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolReference,
    ToolResult,
    Turn,
)
from claude_code_router.dialects.gemini.models import needs_signatures, shows_images_in_results, takes_ids
from claude_code_router.dialects.gemini.names import wire_name
from claude_code_router.dialects.gemini.signatures import PLACEHOLDER, Carried, carried
from claude_code_router.dialects.openai_chat.messages import NO_CONTENT, NO_RESULT, SEPARATOR, Window, windows
from claude_code_router.dialects.openai_chat.notes import note
from claude_code_router.dialects.unreadable import UNREADABLE

Json = dict[str, object]

_IMAGES = frozenset({"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"})
_DOCUMENTS = frozenset({"application/pdf"})
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def encode_contents(chat: ChatRequest, model: str, *, images: bool = True) -> list[Json]:
    """`images`: the model can see them; otherwise a word stands for each."""
    writer = _Writer(model, images=images)
    for window in windows(chat.turns):
        writer.window(window)
    if not writer.contents or writer.contents[0]["role"] != "user":
        writer.contents.insert(0, {"role": "user", "parts": [{"text": NO_CONTENT}]})
    return writer.contents


class _Writer:
    def __init__(self, model: str, *, images: bool) -> None:
        self.contents: list[Json] = []
        self._model = model
        self._images = images
        self._ids = takes_ids(model)

    def window(self, window: Window) -> None:
        self._add("model", self._model_parts(window.assistant))
        calls = [part for part in window.assistant if isinstance(part, ToolCall)]
        results = [part for turn in window.following for part in turn.parts if isinstance(part, ToolResult)]
        parts, answered = self._responses(calls, results)
        for turn in window.following:
            if turn.role == "system":
                _remind(parts, turn, before_prompt=not calls)
            else:
                parts.extend(self._user_parts(turn.parts, answered))
        self._add("user", parts)

    def _add(self, role: str, parts: list[Json]) -> None:
        if not parts:
            return
        last = self.contents[-1] if self.contents else None
        if last is not None and last["role"] == role:
            before = last["parts"]
            last["parts"] = [*(before if isinstance(before, list) else []), *parts]
        else:
            self.contents.append({"role": role, "parts": parts})

    # --- the model's turn ---

    def _model_parts(self, parts: Sequence[Part]) -> list[Json]:
        encoded: list[Json] = []
        pending: Carried | None = None
        signed = False
        for part in parts:
            if isinstance(part, Thinking):
                pending = carried(part, self._model) or pending
                continue
            one = self._model_part(part)
            if one is None:
                continue
            is_call = "functionCall" in one
            if pending is not None and (pending.on == "call") == is_call:
                one["thoughtSignature"] = pending.signature
                signed = signed or is_call
                pending = None
            elif is_call and not signed and needs_signatures(self._model):
                # Only the first of several calls has one.
                one["thoughtSignature"] = PLACEHOLDER
                signed = True
            encoded.append(one)
        return encoded

    def _model_part(self, part: Part) -> Json | None:
        if isinstance(part, Text):
            return {"text": part.text} if part.text.strip() else None
        if isinstance(part, ToolCall):
            call: Json = {"name": wire_name(part.name), "args": as_object(part.input)}
            if self._ids:
                call["id"] = part.id
            return {"functionCall": call}
        if isinstance(part, Opaque):
            return {"text": note(part)}
        if isinstance(part, ToolReference):
            return {"text": f"Loaded tools: {part.name}"}
        if isinstance(part, Image | Document):
            return self._shown(part)
        return None  # a tool result has no place in the model's turn

    # --- what answers it ---

    def _responses(self, calls: Sequence[ToolCall], results: list[ToolResult]) -> tuple[list[Json], set[int]]:
        """One functionResponse a call, in the calls' order, and what of the results has to follow them; which results (by
        identity) were used."""
        responses: list[Json] = []
        behind: list[Json] = []
        answered: set[int] = set()
        for call in calls:
            result = next((r for r in results if r.call_id == call.id and id(r) not in answered), None)
            response: Json = {"name": wire_name(call.name), "response": {"output": NO_RESULT}}
            if self._ids:
                response["id"] = call.id
            if result is not None:
                answered.add(id(result))
                text, media = self._result(result)
                # Text, never the tool's JSON: a {"$ref": …} in it would be taken for a pointer to a part (seen 2026-10).
                response["response"] = {"error" if result.is_error else "output": text}
                if media and shows_images_in_results(self._model):
                    response["parts"] = media
                elif media:
                    behind += [{"text": f"[from the result of {call.name}]"}, *media]
            responses.append({"functionResponse": response})
        return responses + behind, answered

    def _result(self, result: ToolResult) -> tuple[str, list[Json]]:
        """The result's text, and the images and documents in it."""
        lines: list[str] = []
        media: list[Json] = []
        loaded = [part.name for part in result.parts if isinstance(part, ToolReference)]
        for part in result.parts:
            if isinstance(part, ToolReference):
                continue
            one = self._part(part)
            if one is None:
                continue
            if "text" in one:
                lines.append(str(one["text"]))
            else:
                media.append(one)
                lines.append(f"[{'image' if isinstance(part, Image) else 'document'} attached]")
        if loaded:
            lines.append(f"Loaded tools: {', '.join(loaded)}")
        return SEPARATOR.join(lines) or NO_CONTENT, media

    def _user_parts(self, parts: Iterable[Part], answered: set[int]) -> list[Json]:
        encoded: list[Json] = []
        for part in parts:
            if isinstance(part, ToolResult):
                if id(part) in answered:
                    continue
                # Its call is not in the turn before it: as a functionResponse it would be refused.
                text, media = self._result(part)
                encoded += [{"text": f"[result of tool call {part.call_id}]\n{text}"}, *media]
            elif isinstance(part, ToolReference):
                encoded.append({"text": f"Loaded tools: {part.name}"})
            elif (one := self._part(part)) is not None:
                encoded.append(one)
        return encoded

    def _part(self, part: Part) -> Json | None:
        if isinstance(part, Text):
            return {"text": part.text} if part.text else None
        if isinstance(part, Image | Document):
            return self._shown(part)
        if isinstance(part, Opaque):
            return {"text": note(part)}
        return None  # thinking and calls are the model's

    def _shown(self, part: Image | Document) -> Json:
        if isinstance(part, Document) and part.text:
            return {"text": f"{part.title}:\n{part.text}" if part.title else part.text}
        is_image = isinstance(part, Image)
        name = "image" if is_image else (part.title if isinstance(part, Document) else "") or "document"
        media_type = part.media_type or _type_of(part.url) or ("image/jpeg" if is_image else "application/pdf")
        if not self._images:
            return {"text": f"[{name} omitted: this model cannot see images]"}
        if media_type not in (_IMAGES if is_image else _DOCUMENTS):
            return {"text": f"[{name} omitted: this model cannot read {media_type}]"}
        if part.url:
            return {"fileData": {"mimeType": media_type, "fileUri": part.url}}
        return {"inlineData": {"mimeType": media_type, "data": part.data}}


def _remind(parts: list[Json], turn: Turn, *, before_prompt: bool) -> None:
    """Gemini has no system turn: Claude Code's own form for such servers (2.1.330), before the prompt or behind the results."""
    text = SEPARATOR.join(filter(None, (_said(part) for part in turn.parts)))
    if not text:
        return
    reminder: Json = {"text": f"<system-reminder>\n{text}\n</system-reminder>"}
    if before_prompt and parts and "text" in parts[-1]:
        parts.insert(len(parts) - 1, reminder)
    else:
        parts.append(reminder)


def _said(part: Part) -> str:
    if isinstance(part, Text):
        return part.text
    return note(part) if isinstance(part, Opaque) else ""


def as_object(text: str) -> object:
    """A call's arguments. Verbatim when it is an object, as it nearly always is: Gemini takes nothing else."""
    try:
        _members.decode(text)
    except UNREADABLE:
        pass
    else:
        return msgspec.Raw(text.encode())
    if text.strip() in ("", "null", '""'):
        return {}
    try:
        return {"input": msgspec.json.decode(text)}
    except UNREADABLE:
        return {"input": text}


def _type_of(url: str) -> str:
    return mimetypes.guess_type(urlsplit(url).path)[0] or "" if url else ""
