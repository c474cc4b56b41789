"""Pictures in a client's request, whatever its dialect: found, and put into words for a model that cannot see.

For targets that are no Claude only: the body is written anew, which no signed thinking and no cached prefix of Claude's
would survive. Equal words for equal pictures give equal bytes, so other makers' prompt caches hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any

import msgspec

from claude_code_router.core.chat import Image
from claude_code_router.core.errors import BadRequest
from claude_code_router.core.inbound import ClientDialect
from claude_code_router.dialects.unreadable import UNREADABLE

Json = dict[str, Any]

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def pictures_in(body: bytes, dialect: ClientDialect) -> tuple[Image, ...]:
    """Each once, the newest first. Raises BadRequest when the body is no JSON object."""
    form = _FORMS[dialect]
    found = [image for block in _blocks(_object(body).get(form.where)) if (image := form.read(block)) is not None]
    return tuple(dict.fromkeys(reversed(found)))


def in_words(body: bytes, dialect: ClientDialect, words: Mapping[Image, str]) -> bytes:
    """The body with a text in the place of each picture that has words. Raises BadRequest."""
    form, whole = _FORMS[dialect], _object(body)
    for block in _blocks(whole.get(form.where)):
        image = form.read(block)
        text = words.get(image) if image is not None else None
        if text is not None:
            kept = {name: block[name] for name in ("cache_control",) if name in block}
            block.clear()
            block.update(form.write(text) | kept)
    return _encode(whole)


def digest(image: Image) -> str:
    """Equal for equal pictures."""
    return sha256(f"{image.url}\0{image.data}".encode(errors="replace")).hexdigest()[:24]


def _object(body: bytes) -> Json:
    try:
        whole = _decode(body)
    except UNREADABLE as error:
        raise BadRequest(f"The request body is not JSON: {error}.") from error
    if not isinstance(whole, dict):
        raise BadRequest("The request body is not a JSON object.")
    return whole


def _blocks(value: object) -> Iterator[Json]:
    """Every object below, outermost first; msgspec has bounded the depth."""
    pending = [value]
    while pending:
        match pending.pop():
            case dict() as block:
                yield block
                pending += reversed(block.values())
            case list() as items:
                pending += reversed(items)
            case _:
                pass


def _from_url(url: object) -> Image | None:
    if not isinstance(url, str) or not url:
        return None
    head, comma, data = url.partition(",")
    if not head.startswith("data:") or not comma:
        return Image(url=url)
    return Image(media_type=head.removeprefix("data:").partition(";")[0], data=data)


def _anthropic(block: Json) -> Image | None:
    source = block.get("source")
    if block.get("type") != "image" or not isinstance(source, dict):
        return None
    if source.get("type") == "base64" and isinstance(source.get("data"), str):
        return Image(media_type=str(source.get("media_type") or ""), data=source["data"])
    return _from_url(source.get("url")) if source.get("type") == "url" else None


def _openai_chat(block: Json) -> Image | None:
    image = block.get("image_url")
    if block.get("type") != "image_url":
        return None
    return _from_url(image.get("url") if isinstance(image, dict) else image)


def _openai_responses(block: Json) -> Image | None:
    return _from_url(block.get("image_url")) if block.get("type") == "input_image" else None


def _gemini(block: Json) -> Image | None:
    for name in ("inlineData", "inline_data", "fileData", "file_data"):
        media = block.get(name)
        if not isinstance(media, dict):
            continue
        kind = str(media.get("mimeType") or media.get("mime_type") or "")
        if kind.startswith("image/"):
            url, data = media.get("fileUri") or media.get("file_uri"), media.get("data")
            return Image(url=url) if isinstance(url, str) else Image(media_type=kind, data=str(data or ""))
    return None


class _Form(msgspec.Struct, frozen=True):
    where: str
    """The field in which the conversation stands."""
    read: Callable[[Json], Image | None]
    write: Callable[[str], Json]


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


_FORMS: Mapping[ClientDialect, _Form] = {
    "anthropic": _Form("messages", _anthropic, _text),
    "openai_chat": _Form("messages", _openai_chat, _text),
    "openai_responses": _Form("input", _openai_responses, lambda text: {"type": "input_text", "text": text}),
    "gemini": _Form("contents", _gemini, lambda text: {"text": text}),
}
