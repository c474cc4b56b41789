"""What a simulated upstream says, as a value. One Script is rendered in the dialect of whoever asks, streamed or whole.

Timing: what stands before the first step that says something (or before `Start`) happens before the reply's headers. So
`(Cut(),)` resets the connection without an answer, `(Start(), Cut())` resets it after the headers, and
`(Pause(2), Say("x"))` thinks for two seconds before the headers.

A Script whose first saying step is `Raw` is verbatim: it gets no opening and no closing of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec


class Start(msgspec.Struct, frozen=True):
    """Send the headers and the dialect's opening now. Any step that says something implies it."""


class Say(msgspec.Struct, frozen=True):
    """Text, in `chunks` pieces with `every_s` seconds between them."""

    text: str
    chunks: int = 3
    every_s: float = 0.0


class Think(msgspec.Struct, frozen=True):
    """Reasoning: a thinking block with its signature in Anthropic's dialect, `Script.reasoning_field` in OpenAI's."""

    text: str
    signature: str = "c2NyaXB0ZWQ="
    chunks: int = 2
    every_s: float = 0.0


class Call(msgspec.Struct, frozen=True):
    """A call of one of the client's tools. An empty `id` is replaced by one that is unique in this upstream."""

    name: str
    input: Mapping[str, Any]
    id: str = ""
    fragments: int = 3


class Search(msgspec.Struct, frozen=True):
    """A web search that the provider ran itself. `results` are pairs of title and URL."""

    query: str
    results: tuple[tuple[str, str], ...] = ()


class Raw(msgspec.Struct, frozen=True):
    """Bytes of the body, verbatim."""

    data: bytes


class Pause(msgspec.Struct, frozen=True):
    seconds: float


class Wait(msgspec.Struct, frozen=True):
    """Silence until someone sets this gate: proves the order of events without a clock."""

    gate: asyncio.Event


class Fault(msgspec.Struct, frozen=True):
    """The upstream says that it failed: an error event in a stream, the error body of a reply that is not streamed."""

    type: str = "api_error"
    message: str = "scripted fault"


class Cut(msgspec.Struct, frozen=True):
    """TCP reset."""


class End(msgspec.Struct, frozen=True):
    """The body ends here without the dialect's end. Not `clean`: without HTTP's end of body either."""

    clean: bool = True


class Stall(msgspec.Struct, frozen=True):
    """Silence until the client hangs up."""


Step = Start | Say | Think | Call | Search | Raw | Pause | Wait | Fault | Cut | End | Stall
Saying = Start | Say | Think | Call | Search | Raw | Fault
Ending = Fault | Cut | End | Stall


class ScriptUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Anthropic's arithmetic: `input_tokens` is the uncached remainder, `output_tokens` includes the reasoning."""

    input_tokens: int = 10
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 5
    reasoning_tokens: int = 0
    web_searches: int = 0

    @property
    def prompt_tokens(self) -> int:
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens


class Script(msgspec.Struct, frozen=True):
    """One reply. With `body`, those bytes are sent as is; with a `status` of 400 or more and no body, the error body of
    the dialect is rendered, worded by a `Fault` among the steps."""

    steps: tuple[Step, ...] = ()
    status: int = 200
    headers: Mapping[str, str] = {}
    """Added to, or in place of, the usual ones. Names in lower case."""
    body: bytes | None = None
    usage: ScriptUsage | None = ScriptUsage()
    stop: str = ""
    """In Anthropic's words, translated for OpenAI; any other word is sent as it is. Empty: from the steps."""
    stop_sequence: str | None = None
    model: str = ""
    """What the reply calls its model. Empty: what the request asked for."""
    split: int = 0
    """Write the body of a stream in pieces of so many bytes, whatever they cut through. 0: one write an event."""
    reasoning_field: str = "reasoning_content"
    """Where OpenAI-compatible servers put reasoning: `reasoning_content` (DeepSeek) or `reasoning` (OpenRouter)."""

    @property
    def verbatim(self) -> bool:
        first = next((step for step in self.steps if isinstance(step, Saying)), None)
        return isinstance(first, Raw)

    @property
    def stop_reason(self) -> str:
        if self.stop:
            return self.stop
        return "tool_use" if any(isinstance(step, Call) for step in self.steps) else "end_turn"


def pieces(text: str, count: int) -> list[str]:
    """`text` in at most `count` non-empty pieces of about equal length; one empty piece for an empty text."""
    if not text:
        return [""]
    size = -(-len(text) // max(1, count))
    return [text[at : at + size] for at in range(0, len(text), size)]
