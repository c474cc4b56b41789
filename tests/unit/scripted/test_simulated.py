"""The shipped simulated models behave like models of their class, and misbehave on cue."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import anthropic
import pytest

from claude_code_router.scripted import Seen, Upstream
from claude_code_router.scripted.script import Call, Cut, End, Fault, Pause, Say, Script, Search, Stall, Think
from claude_code_router.scripted.simulated import HEAVY, LIGHT, MID, MODELS, Simulated

READ = {
    "name": "Read",
    "input_schema": {
        "type": "object",
        "properties": {
            "file_path": {"type": "string"},
            "limit": {"type": "integer"},
            "mode": {"type": "string", "enum": ["fast", "slow"]},
        },
        "required": ["file_path", "limit", "mode"],
    },
}


def seen(text: str = "hi", *, model: str = "scripted-mid", stream: bool = True, **more: Any) -> Seen:
    request = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream, **more}
    body = json.dumps(request).encode()
    return Seen(
        method="POST",
        path="/v1/messages",
        query="",
        headers={},
        body=body,
        json=request,
        dialect="anthropic",
        stream=stream,
        at=0.0,
    )


def kinds(script: Script) -> list[str]:
    return [type(step).__name__ for step in script.steps]


def test_strength_costs_time_and_money() -> None:
    """A heavier model should be slower and dearer in every figure."""
    for lighter, heavier in ((LIGHT, MID), (MID, HEAVY)):
        assert lighter.first_token_s < heavier.first_token_s
        assert lighter.tokens_per_s > heavier.tokens_per_s
        assert lighter.cost_usd(1000, 0, 100) < heavier.cost_usd(1000, 0, 100)
    assert MID.cost_usd(1000, 500, 0) < MID.cost_usd(1000, 0, 0)


def test_speed_divides_every_wait() -> None:
    """At ten times the speed every pause and every gap between pieces should be a tenth."""
    slow, fast = (Simulated(speed)(seen()) for speed in (1.0, 10.0))
    assert isinstance(slow.steps[0], Pause) and isinstance(fast.steps[0], Pause)
    assert slow.steps[0].seconds == pytest.approx(10 * fast.steps[0].seconds)
    assert isinstance(slow.steps[1], Say) and isinstance(fast.steps[1], Say)
    assert slow.steps[1].every_s == pytest.approx(10 * fast.steps[1].every_s)


def test_a_whole_reply_takes_as_long_as_its_stream() -> None:
    """A reply that is not streamed should wait for the time of its tokens first."""
    script = Simulated()(seen(stream=False))
    assert isinstance(script.steps[0], Pause) and script.usage is not None
    assert script.steps[0].seconds == pytest.approx(MID.first_token_s + script.usage.output_tokens / MID.tokens_per_s)


@pytest.mark.parametrize(
    ("model", "more", "thinks"),
    [
        ("scripted-heavy", {"thinking": {"type": "adaptive"}}, True),
        ("scripted-heavy", {"reasoning_effort": "high"}, True),
        ("scripted-heavy", {"thinking": {"type": "disabled"}}, False),
        ("scripted-heavy", {}, False),
        ("scripted-mid", {"thinking": {"type": "adaptive"}}, False),
    ],
)
def test_only_the_heavy_one_thinks_and_only_if_asked(model: str, more: dict[str, Any], thinks: bool) -> None:
    """Thinking should come from the heavy model, when the request allows it, and be counted as output."""
    script = Simulated()(seen(model=model, **more))
    assert any(isinstance(step, Think) for step in script.steps) is thinks
    assert script.usage is not None and bool(script.usage.reasoning_tokens) is thinks


@pytest.mark.parametrize(
    "tool", [READ, {"type": "function", "function": {"name": "Read", "parameters": READ["input_schema"]}}]
)
def test_a_tool_is_called_when_the_prompt_asks(tool: dict[str, Any]) -> None:
    """A tool named in the prompt should be called with arguments that satisfy its schema, in either dialect's form."""
    script = Simulated()(seen("Please use the Read tool.", tools=[tool]))
    calls = [step for step in script.steps if isinstance(step, Call)]
    assert [(call.name, call.input) for call in calls] == [
        ("Read", {"file_path": "example", "limit": 1, "mode": "fast"})
    ]
    assert script.stop_reason == "tool_use"


@pytest.mark.parametrize(
    "result",
    [
        [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "use the Read tool"}]}],
        [{"role": "tool", "tool_call_id": "t", "content": "use the Read tool"}],
    ],
)
def test_a_tool_loop_ends(result: list[dict[str, Any]]) -> None:
    """After a tool's result the model should answer in text, whatever was asked before."""
    asked = {"role": "user", "content": "use the Read tool [[stall]]"}
    script = Simulated()(seen(messages=[asked, {"role": "assistant", "content": "…"}, *result], tools=[READ]))
    assert kinds(script) == ["Pause", "Say"]
    assert script.usage is not None and script.usage.cache_read_tokens > script.usage.input_tokens


def test_a_server_tool_searches() -> None:
    """The provider's own web search should be run when it is offered."""
    script = Simulated()(seen("cats", tools=[{"type": "web_search_20250305", "name": "web_search"}]))
    assert any(isinstance(step, Search) for step in script.steps)
    assert script.usage is not None and script.usage.web_searches == 1


def test_a_title_is_json() -> None:
    """The request that names a session should get the JSON that its schema wants."""
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}
    script = Simulated()(seen(output_config={"format": {"type": "json_schema", "schema": schema}}))
    said = [step.text for step in script.steps if isinstance(step, Say)]
    assert "title" in json.loads(said[0])


@pytest.mark.parametrize(
    ("cue", "status", "stroke"),
    [
        ("[[cut]]", 200, Cut()),
        ("[[cut after=2]]", 200, Cut()),
        ("[[end after=2]]", 200, End()),
        ("[[stall after=2]]", 200, Stall()),
        ("[[error=api_error after=2]]", 200, Fault("api_error", "on cue")),
    ],
)
def test_strokes(cue: str, status: int, stroke: object) -> None:
    """A reply should be broken where and how the cue says."""
    script = Simulated()(seen(f"do it {cue}"))
    assert (script.status, script.steps[-1]) == (status, stroke)
    said = [step for step in script.steps if isinstance(step, Say)]
    assert [step.chunks for step in said] == ([2] if "after" in cue else [])


def test_other_cues() -> None:
    """Status, page, silence, delay, words and calls should be as ordered."""
    model = Simulated()
    refused = model(seen("[[status=529 retry-after=2]]"))
    assert (refused.status, refused.headers) == (529, {"retry-after": "2"})
    assert (model(seen("[[html]]")).body or b"").startswith(b"<!doctype html>")
    assert model(seen("[[empty]]")).steps == ()
    assert model(seen("[[pause=2]]")).steps[0] == Pause(2.0)
    assert [step.text for step in model(seen("[[say=Only this.]]")).steps if isinstance(step, Say)] == ["Only this."]
    called = model(seen('[[call=Bash {"command": "ls"}]]')).steps[-1]
    assert isinstance(called, Call) and (called.name, called.input) == ("Bash", {"command": "ls"})


def test_a_cue_may_be_for_one_model_or_for_some_times() -> None:
    """`model=` should spare the other models, and `times=` should wear off."""
    model = Simulated()
    text = "[[status=500 model=scripted-heavy times=1]]"
    statuses = [model(seen(text, model=name)).status for name in ("scripted-mid", "scripted-heavy", "scripted-heavy")]
    assert statuses == [200, 500, 200]


def test_an_unknown_model_is_not_found() -> None:
    """A model that is not offered should be a 404 that names those that are."""
    script = Simulated()(seen(model="gpt-0"))
    assert script.status == 404 and isinstance(script.steps[0], Fault)
    assert all(name in script.steps[0].message for name in MODELS)


async def test_on_the_wire() -> None:
    """The official SDK should read a simulated model's reply, and a chat client too."""
    async with Upstream(Simulated(speed=1000), models=tuple(MODELS)) as up:
        async with (
            anthropic.AsyncAnthropic(base_url=up.url, api_key="k", max_retries=0) as sdk,
            sdk.messages.stream(
                model="scripted-heavy",
                max_tokens=1000,
                messages=[{"role": "user", "content": "use Read"}],
                thinking={"type": "adaptive"},
                tools=[{"name": "Read", "input_schema": {"type": "object"}}],
            ) as stream,
        ):
            message = await stream.get_final_message()
        ask = {"model": "scripted-light", "messages": [{"role": "user", "content": "hi"}]}
        async with aiohttp.ClientSession() as session, session.post(up.url + "/v1/chat/completions", json=ask) as reply:
            chat = await reply.json()
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert chat["choices"][0]["message"]["content"]
