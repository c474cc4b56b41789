"""The provider that ships: three simulated models of different strength, so that routing can be seen working without a key.

They answer with believable latency, pace, length and usage, call the tools that a prompt asks for, think if they are heavy,
and fail on cue (`scripted.cues`). Times and prices are invented in the proportions of the current classes of models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from claude_code_router.scripted.cues import Cue, read_cues
from claude_code_router.scripted.script import (
    Call,
    Cut,
    End,
    Fault,
    Pause,
    Say,
    Script,
    ScriptUsage,
    Search,
    Stall,
    Step,
    Think,
)
from claude_code_router.scripted.upstream import Seen

_BYTES_PER_TOKEN = 4
_TOKENS_PER_PIECE = 4
_CACHED_SHARE = 0.8
"""Of a prompt that continues a conversation."""


class SimulatedModel(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    first_token_s: float
    tokens_per_s: float
    answer_tokens: int
    thinking_tokens: int = 0
    input_usd_per_mtok: float
    output_usd_per_mtok: float

    def cost_usd(self, prompt_tokens: int, cache_read_tokens: int, output_tokens: int) -> float:
        """`prompt_tokens` is the whole prompt; what was read from the cache costs a tenth."""
        fresh = prompt_tokens - cache_read_tokens
        paid_input = fresh + 0.1 * cache_read_tokens
        return (paid_input * self.input_usd_per_mtok + output_tokens * self.output_usd_per_mtok) / 1e6


LIGHT = SimulatedModel(
    name="scripted-light",
    first_token_s=0.4,
    tokens_per_s=180,
    answer_tokens=40,
    input_usd_per_mtok=1,
    output_usd_per_mtok=5,
)
MID = SimulatedModel(
    name="scripted-mid",
    first_token_s=0.9,
    tokens_per_s=85,
    answer_tokens=80,
    input_usd_per_mtok=3,
    output_usd_per_mtok=15,
)
HEAVY = SimulatedModel(
    name="scripted-heavy",
    first_token_s=1.8,
    tokens_per_s=50,
    answer_tokens=120,
    thinking_tokens=120,
    input_usd_per_mtok=5,
    output_usd_per_mtok=25,
)
MODELS = {model.name: model for model in (LIGHT, MID, HEAVY)}

_SENTENCES = (
    "I looked at the part of the code that you mean. The loop ends one step too early, because the bound is exclusive "
    "where the caller counts inclusively. Changing the comparison mends it, and the test beside it now covers the last "
    "element too. Nothing else in the module depends on the old behaviour, so the change stays small and easy to review. "
)


class Simulated:
    """Answers like a provider with MODELS; give it to `Upstream`. `speed` 10 makes everything ten times as fast."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._told: dict[str, int] = {}

    def __call__(self, seen: Seen) -> Script:
        model = MODELS.get(str(seen.json.get("model", "")))
        if model is None:
            known = ", ".join(MODELS)
            return Script((Fault("not_found_error", f"there is no such model here; there are {known}"),), status=404)
        text = last_user_text(seen.json)
        cues = [cue for cue in read_cues(text) if self._strikes(cue, model)]
        plain = self._script(seen, model, self._content(seen.json, model, text, cues))
        return _told(plain, cues, pause_s=1 / self._speed)

    def _strikes(self, cue: Cue, model: SimulatedModel) -> bool:
        if cue.options.get("model", model.name) != model.name:
            return False
        if "times" not in cue.options:
            return True
        key = f"{model.name} {cue.text}"
        self._told[key] = self._told.get(key, 0) + 1
        return self._told[key] <= int(cue.options["times"])

    def _script(self, seen: Seen, model: SimulatedModel, content: list[Step]) -> Script:
        usage = _usage(seen, content)
        first_s = model.first_token_s / self._speed
        if not seen.stream:
            return Script(
                (Pause(first_s + usage.output_tokens / model.tokens_per_s / self._speed), *content), usage=usage
            )
        every_s = _TOKENS_PER_PIECE / model.tokens_per_s / self._speed
        paced = [
            msgspec.structs.replace(step, every_s=every_s) if isinstance(step, Say | Think) else step
            for step in content
        ]
        return Script((Pause(first_s), *paced), usage=usage)

    def _content(self, request: dict[str, Any], model: SimulatedModel, text: str, cues: list[Cue]) -> list[Step]:
        steps: list[Step] = []
        if model.thinking_tokens and _thinking_asked(request):
            steps.append(_think(_words(model.thinking_tokens)))
        said = [cue.value for cue in cues if cue.verb == "say"]
        if said:
            return [*steps, *(_say(words) for words in said)]
        if _wants_title(request):
            return [*steps, _say('{"title": "Mend the loop\'s last step"}')]
        if _searches(request):
            found = (("A page about it", "https://example.com/a"), ("Another page", "https://example.com/b"))
            return [
                *steps,
                Search(text[:80], found),
                _say("Two pages say the same: it was mended in the last release."),
            ]
        calls = [*_cued_calls(cues), *_wanted_calls(request, text)]
        words = "Let me look at that." if calls else _words(model.answer_tokens)
        return [*steps, _say(words), *calls]


def last_user_text(request: dict[str, Any]) -> str:
    """What the person said last, in either dialect; empty when the last word was a tool's result."""
    for message in reversed(_list(request, "messages")):
        if message.get("role") == "tool":
            return ""
        if message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, str):
                return content
            parts = [part for part in content or () if isinstance(part, dict)]
            if any(part.get("type") == "tool_result" for part in parts):
                return ""
            return "\n".join(str(part.get("text", "")) for part in parts if part.get("type") == "text")
    return ""


def _told(script: Script, cues: list[Cue], pause_s: float) -> Script:
    """The same reply as the cues want it."""
    for cue in cues:
        match cue.verb:
            case "status" if cue.value.isdigit():
                headers = {name: value for name, value in cue.options.items() if name not in ("model", "times")}
                script = Script((), status=int(cue.value), headers=headers)
            case "html":
                page = b"<!doctype html><title>Bad gateway</title><h1>Bad gateway</h1>"
                script = Script(body=page, headers={"content-type": "text/html"})
            case "empty":
                script = msgspec.structs.replace(script, steps=())
            case "pause":
                script = msgspec.structs.replace(script, steps=(Pause(float(cue.value) * pause_s), *script.steps))
            case "cut" | "end" | "stall" | "error":
                script = msgspec.structs.replace(script, steps=_struck(script.steps, cue))
    return script


def _struck(steps: tuple[Step, ...], cue: Cue) -> tuple[Step, ...]:
    """The steps up to the piece of text after which the cue strikes, and its stroke."""
    strokes: dict[str, Step] = {"cut": Cut(), "end": End(), "stall": Stall()}
    stroke = strokes.get(cue.verb, Fault(cue.value or "overloaded_error", "on cue"))
    if cue.after is None:
        return (stroke,)
    before = [step for step in steps if isinstance(step, Pause | Think)]
    said = next((step for step in steps if isinstance(step, Say)), Say(""))
    size = -(-len(said.text) // max(1, said.chunks))
    return (*before, Say(said.text[: size * cue.after], cue.after, said.every_s), stroke)


def _usage(seen: Seen, content: list[Step]) -> ScriptUsage:
    prompt = max(1, len(seen.body) // _BYTES_PER_TOKEN)
    cached = int(prompt * _CACHED_SHARE) if len(_list(seen.json, "messages")) > 2 else 0
    thought = sum(_tokens(step.text) for step in content if isinstance(step, Think))
    said = sum(_tokens(step.text) for step in content if isinstance(step, Say))
    called = sum(_tokens(step.name) + _tokens(str(step.input)) for step in content if isinstance(step, Call))
    return ScriptUsage(
        input_tokens=prompt - cached,
        cache_read_tokens=cached,
        output_tokens=thought + said + called + 3,
        reasoning_tokens=thought,
        web_searches=sum(isinstance(step, Search) for step in content),
    )


def _tokens(text: str) -> int:
    return -(-len(text) // _BYTES_PER_TOKEN)


def _say(text: str) -> Say:
    return Say(text, chunks=max(1, _tokens(text) // _TOKENS_PER_PIECE))


def _think(text: str) -> Think:
    return Think(text, chunks=max(1, _tokens(text) // _TOKENS_PER_PIECE))


def _words(tokens: int) -> str:
    length = tokens * _BYTES_PER_TOKEN
    return (_SENTENCES * (1 + length // len(_SENTENCES)))[:length].rstrip()


def _thinking_asked(request: dict[str, Any]) -> bool:
    thinking = request.get("thinking")
    if isinstance(thinking, dict):
        return thinking.get("type") in ("adaptive", "enabled")
    return "reasoning_effort" in request or "reasoning" in request


def _wants_title(request: dict[str, Any]) -> bool:
    """Claude Code's request for a session's name: a schema with a title, and no tools."""
    schema = request.get("output_config") or request.get("response_format")
    return not request.get("tools") and '"title"' in msgspec.json.encode(schema).decode()


def _searches(request: dict[str, Any]) -> bool:
    return any(str(tool.get("type", "")).startswith("web_search") for tool in _list(request, "tools"))


def _cued_calls(cues: list[Cue]) -> Iterator[Call]:
    for cue in cues:
        if cue.verb == "call":
            name, _, arguments = cue.value.partition(" ")
            yield Call(name, msgspec.json.decode(arguments or "{}"))


def _wanted_calls(request: dict[str, Any], text: str) -> Iterator[Call]:
    """Tools that the prompt asks for by name: "use the Read tool", "call Bash"."""
    for tool in _list(request, "tools"):
        function = tool.get("function", tool)
        name = str(function.get("name", ""))
        if name and re.search(rf"\b(?:use|call|run)\s+(?:the\s+)?{re.escape(name)}\b", text, re.IGNORECASE):
            yield Call(name, _example(function.get("input_schema") or function.get("parameters") or {}))


def _example(schema: dict[str, Any]) -> dict[str, Any]:
    """Arguments that satisfy the schema's required properties."""
    properties = schema.get("properties", {})
    return {name: _example_value(properties.get(name, {})) for name in schema.get("required", ())}


def _example_value(schema: dict[str, Any]) -> Any:
    if schema.get("enum"):
        return schema["enum"][0]
    examples: dict[str, Any] = {"integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}
    return examples.get(str(schema.get("type")), "example")


def _list(request: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = request.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
