"""What goes over the wire for a Script, as a sequence of bytes and acts: pure, so that the connection only plays it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from claude_code_router.scripted.render_anthropic import AnthropicRenderer
from claude_code_router.scripted.render_gemini import GeminiRenderer
from claude_code_router.scripted.render_ollama import OllamaRenderer
from claude_code_router.scripted.render_openai_chat import OpenAIChatRenderer
from claude_code_router.scripted.render_openai_responses import OpenAIResponsesRenderer
from claude_code_router.scripted.script import Cut, End, Fault, Pause, Raw, Saying, Script, Stall, Wait

Renderer = AnthropicRenderer | GeminiRenderer | OllamaRenderer | OpenAIChatRenderer | OpenAIResponsesRenderer
Act = Pause | Wait | Cut | End | Stall
_FAULT_STATUS = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "invalid_request_error": 400,
    "authentication_error": 401,
}


def reply(script: Script, renderer: Renderer, *, stream: bool, head_only: bool = False) -> Iterator[bytes | Act]:
    """As it is asked for, but for what can only come in one piece."""
    if not stream or script.body is not None or script.status >= 400:
        return whole(script, renderer, head_only=head_only)
    return streamed(script, renderer)


def streamed(script: Script, renderer: Renderer) -> Iterator[bytes | Act]:
    """Head, chunks and acts of a streamed reply, in order."""
    opened = False
    for step in script.steps:
        if isinstance(step, Saying) and not opened:
            opened = True
            yield _head(script, renderer, None)
            if not script.verbatim:
                yield from _chunks(renderer.opening(), script.split)
        match step:
            case Cut() | Stall() | End(clean=False):
                yield step
                return
            case End():
                yield b"0\r\n\r\n" if opened else step
                return
            case Fault():
                yield from _chunks([renderer.fault(step)], script.split)
                yield b"0\r\n\r\n"
                return
            case Raw():
                yield from _chunks([step.data], script.split)
            case Pause() | Wait():
                yield step
            case _:
                yield from _chunks(renderer.step(step), script.split)
    if not opened:
        yield _head(script, renderer, None)
        yield from _chunks(renderer.opening(), script.split)
    if not script.verbatim:
        yield from _chunks(renderer.closing(), script.split)
    yield b"0\r\n\r\n"


def _chunks(parts: Iterable[bytes | Pause], split: int) -> Iterator[bytes | Pause]:
    for part in parts:
        if isinstance(part, Pause):
            yield part
            continue
        size = split or max(1, len(part))
        for at in range(0, len(part), size):
            piece = part[at : at + size]
            yield b"%x\r\n%b\r\n" % (len(piece), piece)


def whole(script: Script, renderer: Renderer, *, head_only: bool) -> Iterator[bytes | Act]:
    """The same for a reply in one piece: pauses first; an ending behind something said breaks the body in half."""
    ending = next((step for step in script.steps if isinstance(step, Cut | End | Stall)), None)
    yield from (step for step in script.steps if isinstance(step, Pause | Wait))
    if ending is not None and not any(isinstance(step, Saying) for step in script.steps):
        yield ending
        return
    fault = next((step for step in script.steps if isinstance(step, Fault)), None)
    status = script.status if script.status >= 400 or fault is None else _FAULT_STATUS.get(fault.type, 500)
    if script.body is not None:
        body = script.body
    elif status >= 400:
        body = renderer.error(status, fault)
    elif script.verbatim:
        body = b"".join(step.data for step in script.steps if isinstance(step, Raw))
    else:
        body = renderer.whole()
    yield _head(msgspec.structs.replace(script, status=status), renderer, len(body))
    if head_only:
        return
    yield body if ending is None else body[: len(body) // 2]
    if ending is not None:
        yield ending


def _head(script: Script, renderer: Renderer, length: int | None) -> bytes:
    """Status line and headers; chunked when there is no `length`."""
    headers = {
        "content-type": "application/json" if length is not None else renderer.content_type,
        renderer.id_header: renderer.request_id,
        **({"cache-control": "no-cache", "transfer-encoding": "chunked"} if length is None else {}),
        **({"content-length": str(length)} if length is not None else {}),
        **script.headers,
    }
    lines = [f"HTTP/1.1 {script.status} Scripted", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")
