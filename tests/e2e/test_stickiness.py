"""A session and its warm cache through the whole router: what was measured decides, and only where it may."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.bodies import hello
from tests.e2e.house import House, house
from tests.e2e.waiting import until_found
from tests.e2e.wire import post

from claude_code_router.cli.explain import as_text, recorded
from claude_code_router.scripted.script import Say, Script, ScriptUsage
from claude_code_router.scripted.upstream import Seen, Upstream

PRICE = {
    "big": {"input": 5, "output": 25, "cache_read": 0.5, "cache_write": 6.25},
    "mid": {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75},
    "small": {"input": 1, "output": 5, "cache_read": 0.1, "cache_write": 1.25},
}
RULES = [
    {"name": "design", "when": {"says": "design"}, "use": "heavy"},
    {"name": "named", "when": {"says": "outright"}, "use": "p,small"},
    {"name": "chat", "when": {"kind": ["user", "tool_result"]}, "use": "mid"},
]
TIERS = {"light": "p,small", "mid": "p,mid", "heavy": "p,big"}
WARM = ScriptUsage(input_tokens=5, cache_write_tokens=100_000, output_tokens=600)


def warm(_: Seen) -> Script:
    return Script((Say("fine"),), usage=WARM)


def config(url: str, **more: Any) -> dict[str, Any]:
    provider = {
        "name": "p",
        "api_base_url": f"{url}/v1/messages",
        "api_key": "k",
        "models": [*PRICE],
        "price": PRICE,
    }
    retry = {"retry": {"attempts": 1}}
    return {"Providers": [provider], "Router": {"default": "p,mid"}, "Rules": RULES, "Tiers": TIERS, **retry, **more}


@contextlib.asynccontextmanager
async def stage(folder: Path, answer: Any = warm, **more: Any) -> AsyncIterator[tuple[House, Upstream]]:
    async with Upstream(answer) as up, house(folder, config(up.url, **more)) as it:

        async def priced() -> bool:
            row = await it.record(await post(it.url, hello()))
            return row["cost_usd"] is not None

        await until_found(priced, "prices are known")
        yield it, up


async def ask(it: House, says: str, session: str = "s1", *, step: bool = False, **body: Any) -> dict[str, Any]:
    """The record of one more request of the session; `step`: the next one inside a tool loop."""
    messages: list[Mapping[str, Any]] = [{"role": "user", "content": says}]
    if step:
        call = {"type": "tool_use", "id": "t1", "name": "Read", "input": {}}
        result = {"type": "tool_result", "tool_use_id": "t1", "content": "done"}
        messages += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    headers = {"x-claude-code-session-id": session} if session else {}
    return await it.record(await post(it.url, hello(messages=messages, **body), headers))


async def test_a_warm_session_stays_and_goes_up_at_once(tmp_path: Path) -> None:
    """Down it stays, in words with the break-even on the record and in `ccr explain`; up and what is named outright go."""
    async with stage(tmp_path) as (it, _):
        first = await ask(it, "design it")
        stays = await ask(it, "thanks")
        step = await ask(it, "thanks", step=True)
        other = await ask(it, "thanks", "s2")
        up = await ask(it, "design that too", "s2")
        named = await ask(it, "this one outright")
        told = as_text(recorded(it.home, stays["id"]))
    assert [row["target"] for row in (first, stays, step, other, up)] == ["p,big", "p,big", "p,big", "p,mid", "p,big"]
    assert (stays["rule"], step["rule"], up["rule"]) == ("stickiness", "stickiness", "design")
    assert "it pays after 11.6 calls" in stays["because"]
    assert stays["because"] in told
    assert "inside a tool loop" in step["because"]
    assert (named["target"], named["rule"]) == ("p,small", "named")


@pytest.mark.parametrize(
    ("more", "session"),
    [
        ({"Stickiness": False}, "s1"),
        ({"Tiers": {}, "Rules": [], "Router": {"default": "p,mid", "think": "p,big"}}, "s1"),
        ({}, ""),
    ],
    ids=["switched off", "a classic config", "no session id"],
)
async def test_the_rules_alone(tmp_path: Path, more: dict[str, Any], session: str) -> None:
    """Switched off, without keys of ours, and for a client that names no session, the rules alone decide each request."""
    async with stage(tmp_path, **more) as (it, _):
        first = await ask(it, "ultrathink: design it", session)
        then = await ask(it, "thanks", session)
    assert [first["target"], then["target"]] == ["p,big", "p,mid"]
    assert "stickiness" not in then["verdicts"]


async def test_who_answered_is_what_counts(tmp_path: Path) -> None:
    """A stand-in's answer is no home; the session goes back as soon as the rules wish it."""
    down = False

    def answer(seen: Seen) -> Script:
        return Script(status=529) if down and seen.json["model"] == "mid" else warm(seen)

    tiers = {**TIERS, "mid": ["p,mid", "p,big"]}
    async with stage(tmp_path, answer, Tiers=tiers) as (it, _):
        down = True
        first = await ask(it, "hello")
        down = False
        then = await ask(it, "thanks", step=True)
    assert (first["target"], first["model"]) == ("p,mid", "big")
    assert (then["rule"], then["target"]) == ("chat", "p,mid")
    assert "only stood in" in then["verdicts"]


async def test_an_edit_in_mid_session(tmp_path: Path) -> None:
    """A target that the edited config no longer has holds no session."""
    async with stage(tmp_path) as (it, up):
        await ask(it, "design it")
        edited = config(up.url, Tiers={**TIERS, "heavy": "p,mid"})
        before = (await it.health())["config"]["hash"]
        it.write(edited)
        await it.until_health(lambda health: bool(health["config"]["hash"] != before))
        then = await ask(it, "thanks")
    assert (then["rule"], then["target"]) == ("chat", "p,mid")
    assert "nobody's target any more" in then["verdicts"]
