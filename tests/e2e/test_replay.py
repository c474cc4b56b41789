"""`ccr replay` over what a running router has recorded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.bodies import hello
from tests.e2e.house import House, house
from tests.e2e.wire import post

from claude_code_router.cli.main import run
from claude_code_router.routing.bench import case_of
from claude_code_router.routing.bench_patterns import PATTERNS
from claude_code_router.scripted.script import Say, Script
from claude_code_router.scripted.upstream import Seen, Upstream

FINE = Script((Say("fine"),))


def said(text: str) -> dict[str, Any]:
    return hello(messages=[{"role": "user", "content": text}])


def config(url: str, **more: Any) -> dict[str, Any]:
    price = {"*": {"input": 1, "output": 5}}
    provider = {
        "name": "p",
        "api_base_url": f"{url}/v1/messages",
        "api_key": "sk-x",
        "models": ["a", "b", "c"],
        "price": price,
    }
    return {
        "Providers": [provider],
        "Router": {"default": "p,a", "background": "p,b", "think": "p,c"},
        "Tiers": {"light": "p,b", "mid": "p,a", "heavy": "p,c"},
        "Rules": [
            {"name": "words", "when": {"says": ["architecture", "hello"]}, "use": "heavy"},
            {"name": "lot", "when": {"kind": "tool_result"}, "use": {"light": 50}},
            {"name": "office", "when": {"time": "09:00-17:00", "language": "en"}, "use": "light"},
        ],
        "Guards": {"window": True, "ambiguous": "mid"},
        **more,
    }


def replay(house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    monkeypatch.setenv("HOME", str(house.home.root.parent))
    with pytest.raises(SystemExit) as ended:
        run(["replay", "--format", "json", *arguments])
    return ended.value.code or 0, json.loads(capsys.readouterr().out)


async def recorded(it: House) -> int:
    """Every built-in pattern, and sessions in which stickiness has a say."""
    for pattern in PATTERNS:
        case = case_of(pattern)
        headers = {name: value for name, value in case.inbound.header.items() if name != "content-type"}
        await post(it.url, json.loads(case.inbound.body), headers, case.inbound.path)
    for text in ("Explain the architecture please, and take care", "Now do the small thing with it, just do it now ok"):
        await post(it.url, said(text), {"x-claude-code-session-id": "s1"})
    return len(PATTERNS) + 2


@pytest.mark.parametrize("sticky", [True, False])
async def test_the_same_config_flips_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sticky: bool
) -> None:
    """A decision is reproducible from its record alone: patterns of every kind, lots, times, guards, a session that stays."""
    async with Upstream(lambda _: FINE) as up, house(tmp_path, config(up.url, Stickiness=sticky)) as it:
        sent = await recorded(it)
        await it.rows("select * from requests", count=sent)
    code, found = await asyncio.to_thread(replay, it, monkeypatch, capsys, "--fail-on", "flipped_share>0")
    assert code == 0
    assert (found["records"], found["told"], found["flipped"], found["other_rule"]) == (sent, sent, 0, 0)
    assert found["before_usd"] == found["after_usd"] > 0


async def test_another_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What flips, why, and what it costs; words that nobody listened for are untold, unless the body was kept."""
    other = tmp_path / "new.json"
    async with Upstream(lambda _: FINE) as up, house(tmp_path, config(up.url)) as it:
        await post(it.url, said("hello, would you please prove this theorem of mine to me, I beg you"))
        await post(it.url, said("would you please tell me about the weather in the north, I beg you"))
        [row, _] = await it.rows("select * from requests order by at", count=2)
        it.write(config(up.url, RECORD_BODIES=True))
        changed = {"Rules": [{"name": "proofs", "when": {"says": ["prove", "hello"]}, "use": "light"}]}
        other.write_text(json.dumps(config(up.url, **changed)))
        code, found = await asyncio.to_thread(
            replay, it, monkeypatch, capsys, "--config", str(other), "--fail-on", "light_share>0.5"
        )
    assert code == 3
    assert (found["records"], found["told"], found["untold"]) == (2, 1, {"words": 1})
    [flip] = found["flips"]
    assert (flip["rule_before"], flip["target_before"], flip["rule_after"], flip["target_after"]) == (
        "words", "p,c", "proofs", "p,b",
    )  # fmt: skip
    assert flip["examples"] == [{"id": row["id"], "because": 'the prompt says "hello"'}]


async def test_kept_bodies_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A word that nobody listened for is looked for in the body, where the owner keeps them."""
    other = tmp_path / "new.json"
    async with Upstream(lambda _: FINE) as up, house(tmp_path, config(up.url, RECORD_BODIES=True)) as it:
        await post(it.url, said("please, would you be so kind as to prove this theorem of mine to me"))
        await it.rows("select * from bodies", count=1)
        changed = {"Rules": [{"name": "proofs", "when": {"says": "prove"}, "use": "heavy"}]}
        other.write_text(json.dumps(config(up.url, **changed)))
        _, found = await asyncio.to_thread(replay, it, monkeypatch, capsys, "--config", str(other))
    assert (found["told"], found["flipped"]) == (1, 1)


async def test_some_are_answered_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --live both targets answer what goes elsewhere, within the budget; it is on the records and is no traffic."""
    other = tmp_path / "new.json"

    def answer(seen: Seen) -> Script:
        if seen.json["model"] != "judge":
            return FINE
        better = (
            '{"better": "first", "reason": "x"}'
            if "second reply" in json.dumps(seen.json)
            else '{"score": 7, "reason": "x"}'
        )
        return Script((Say(better),))

    async with Upstream(answer) as up, house(tmp_path, config(up.url, RECORD_BODIES=True)) as it:
        for number in range(3):
            await post(it.url, said(f"please, would you be so kind as to look at the number {number} for me now"))
        await it.rows("select * from bodies", count=3)
        quality = {"Quality": {"judge": "p,judge"}, "Rules": []}
        changed = config(up.url, **quality, Router={"default": "p,c", "background": "p,b"})
        changed["Providers"][0]["models"].append("judge")
        other.write_text(json.dumps(changed))
        arguments = ("--config", str(other), "--live", "2", "--yes")
        _, found = await asyncio.to_thread(replay, it, monkeypatch, capsys, *arguments)
        rows = await it.rows("select * from requests where purpose = 'replay'", count=4)
        _, again = await asyncio.to_thread(replay, it, monkeypatch, capsys, "--config", str(other))
    assert len(found["live"]["trials"]) == 2
    assert found["live"]["even"] == 2, "a judge that likes what stands first sees no difference"
    assert {row["model"] for row in rows} == {"a", "c"}
    assert again["records"] == found["records"] == 3
