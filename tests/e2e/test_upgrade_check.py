"""`ccr upgrade-check` against an upstream of known quality: what it asks and says, and that it spends only what it may."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.bodies import hello
from tests.e2e.house import house
from tests.e2e.wire import post

from claude_code_router.cli.main import run
from claude_code_router.scripted.script import Call as ToolCall
from claude_code_router.scripted.script import Fault, Say, Script, ScriptUsage
from claude_code_router.scripted.upstream import Seen, Upstream

Call = Callable[..., tuple[int, str, str]]
USAGE = ScriptUsage(input_tokens=1000, output_tokens=100)


def config(url: str, **more: Any) -> dict[str, Any]:
    price = {"*": {"input": 1.0, "output": 5.0}}
    provider = {"name": "p", "api_base_url": f"{url}/v1/messages", "api_key": "sk-secret-123", "price": price}
    return {
        "Providers": [{**provider, "models": ["old", "judge"]}],
        "Router": {"default": "p,old"},
        "Tiers": {"mid": ["p,old"]},
        "Quality": {"judge": "p,judge"},
        **more,
    }


def good_words(seen: Seen) -> Script:
    """What a sound model says to the built-in requests."""
    said = json.dumps(seen.json["messages"], ensure_ascii=False)
    if "planets" in said:
        return Script((Say('{"planets": []}'),), usage=USAGE)
    if "Look into pyproject" in said:
        return Script((ToolCall("Read", {"file_path": "pyproject.toml"}),), usage=USAGE)
    return Script((Say("A sound answer."),), usage=USAGE)


def world(new: Callable[[Seen], Script], new_score: float = 8.0) -> Callable[[Seen], Script]:
    def answer(seen: Seen) -> Script:
        model = seen.json["model"]
        if model == "judge":
            asked = json.dumps(seen.json)
            if "second reply" in asked:
                return Script((Say('{"better": "tie", "reason": "alike"}'),), usage=USAGE)
            score = new_score if "WEAK" in asked else 8.0
            return Script((Say(json.dumps({"reason": "so", "score": score, "sure": 0.9})),), usage=USAGE)
        return good_words(seen) if model == "old" else new(seen)

    return answer


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    monkeypatch.setenv("HOME", str(tmp_path))

    def called(*arguments: str) -> tuple[int, str, str]:
        try:
            code: int | str | None = run(["upgrade-check", *arguments])
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        return (code if isinstance(code, int) else 0), said.out, said.err

    return called


def written(tmp_path: Path, content: dict[str, Any]) -> Path:
    path = tmp_path / ".claude-code-router" / "config.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=2))
    return path


async def test_a_sound_model_may_go_and_the_config_follows(tmp_path: Path, call: Call) -> None:
    """On the first day, with the built-in requests: estimate, trials, a verdict, the change written where the owner says so."""
    async with Upstream(world(good_words)) as up:
        path = written(tmp_path, config(up.url))
        code, out, err = await asyncio.to_thread(call, "p,old", "p,new", "--yes", "--apply")
    assert "It will cost about $" in out
    assert "built-in" in err
    assert "p,new in place of p,old: GO" in out
    assert code in (0, 5)
    changed = json.loads(path.read_text())
    assert changed["Router"]["default"] == "p,new"
    assert changed["Tiers"]["mid"] == ["p,new"]
    assert changed["Providers"][0]["models"] == ["old", "judge", "new"]
    assert "sk-secret-123" not in out + err


async def test_the_first_token_and_the_whole(tmp_path: Path, call: Call) -> None:
    """Both times of both models, in the verdict and in its table; shares by percentage go to the new one too."""

    def slow(_: Seen) -> Script:
        return Script((Say("one two three four", chunks=4, every_s=0.1),), usage=USAGE)

    split = {"name": "trial", "when": {"kind": "user"}, "use": {"p,old": 30, "p,judge": 10}}
    async with Upstream(world(slow)) as up:
        path = written(tmp_path, config(up.url, Rules=[split]))
        _, out, err = await asyncio.to_thread(call, "p,old", "p,new", "--yes", "--format", "json", "--count", "5")
        _, told, _ = await asyncio.to_thread(call, "p,old", "p,new", "--yes", "--apply", "--count", "5")
    found = json.loads(out)
    new = found["verdict"]["new"]
    assert new["first_token_ms"] + 200 < new["duration_ms"]
    assert found["verdict"]["old"]["first_token_ms"] > 0
    assert found["verdict"]["first_token_ratio"] > 0 and found["verdict"]["time_ratio"] > 1
    assert all(trial["new"]["first_token_ms"] for trial in found["trials"])
    assert found["changes"]['Rules[0].use["p,old"]'] == {"key": "p,new"}
    assert "to the first token" in err
    assert "first token" in told and "whole answer" in told
    assert 'Rules[0].use["p,old"]: becomes p,new' in told
    assert json.loads(path.read_text())["Rules"][0]["use"] == {"p,new": 30, "p,judge": 10}


async def test_a_model_that_refuses_a_parameter_may_not(tmp_path: Path, call: Call) -> None:
    """The upstream's own 400 is among the reasons; nothing is written even with --apply."""

    def picky(seen: Seen) -> Script:
        if "temperature" in seen.json:
            error = Fault("invalid_request_error", "temperature: not supported by this model")
            return Script((error,), status=400)
        return good_words(seen)

    async with Upstream(world(picky)) as up:
        path = written(tmp_path, config(up.url))
        before = path.read_text()
        code, out, _ = await asyncio.to_thread(call, "p,old", "p,new", "--yes", "--apply")
    assert code == 3
    assert "DO NOT" in out
    assert "temperature: not supported by this model" in out
    assert path.read_text() == before


async def test_a_weaker_model_may_not(tmp_path: Path, call: Call) -> None:
    """Its scores are lower, and by more than chance."""
    weak = Script((Say("WEAK"),), usage=USAGE)
    async with Upstream(world(lambda _: weak, new_score=3.0)) as up:
        written(tmp_path, config(up.url))
        code, out, _ = await asyncio.to_thread(call, "p,old", "p,new", "--yes", "--format", "json")
    assert code == 3
    found = json.loads(out)
    assert found["verdict"]["word"] == "do not"
    assert any(reason["text"].startswith("scores -") for reason in found["verdict"]["reasons"])
    assert found["changes"]["Router.default"] == "p,new"


async def test_nothing_is_sent_before_it_is_allowed(tmp_path: Path, call: Call) -> None:
    """Not for a dry run, and not into a budget that is too small; a larger one bounds how many are tried."""
    async with Upstream(world(good_words)) as up:
        written(tmp_path, config(up.url))
        assert (await asyncio.to_thread(call, "p,old", "p,new", "--dry"))[0] == 0
        code, _, err = await asyncio.to_thread(call, "p,old", "p,new", "--yes", "--budget-usd", "0.001")
        assert code == 1
        assert "--budget-usd" in err
        assert not up.seen
        await asyncio.to_thread(call, "p,old", "p,new", "--yes", "--budget-usd", "0.05")
        assert {seen.json["model"] for seen in up.seen} == {"old", "new", "judge"}
        assert sum(seen.json["model"] == "new" for seen in up.seen) < 9


async def test_ones_own_requests(tmp_path: Path, call: Call) -> None:
    """Kept bodies are tried; what is asked is on the records under its own purpose, and does not count as traffic."""
    async with Upstream(world(good_words)) as up, house(tmp_path, config(up.url, RECORD_BODIES=True)) as it:
        for number in range(6):
            await post(it.url, hello(messages=[{"role": "user", "content": f"question {number} of mine"}]))
        await it.rows("select * from bodies", count=6)
        code, out, err = await asyncio.to_thread(call, "p,old", "p,new", "--yes")
        assert "6 of 6 requests" in out
        assert "built-in" not in err
        assert code in (0, 5)
        rows = await it.rows("select * from requests where purpose = 'upgrade'", count=12)
        assert {row["model"] for row in rows} == {"old", "new"}
        assert all(row["parent"] for row in rows)


async def test_a_new_judge(tmp_path: Path, call: Call) -> None:
    """Kept replies judged by both: the threshold that keeps the share of good ones."""

    def answer(seen: Seen) -> Script:
        model, asked = seen.json["model"], json.dumps(seen.json)
        if model in ("judge", "strict"):
            number = next(n for n in range(10) if f"answer {n}." in asked)
            score = number if model == "judge" else max(0, number - 2)
            return Script((Say(json.dumps({"reason": "so", "score": score})),), usage=USAGE)
        number = next(n for n in range(10) if f"question {n} " in asked)
        return Script((Say(f"answer {number}."),), usage=USAGE)

    content = config("x")
    async with Upstream(answer) as up, house(tmp_path, config(up.url, RECORD_BODIES=True)) as it:
        for number in range(10):
            await post(it.url, hello(messages=[{"role": "user", "content": f"question {number} of mine"}]))
        await it.rows("select * from bodies", count=10)
        _, out, _ = await asyncio.to_thread(call, "p,judge", "p,strict", "--judge-changes", "--yes")
    assert content["Quality"]["judge"] == "p,judge"
    assert "10 replies judged by both." in out
    assert "threshold that keeps the share: 0.5 (30.0 %)" in out


async def test_a_new_judge_spends_no_more_than_it_may(tmp_path: Path, call: Call) -> None:
    """Replies may be longer than the estimate takes them to be."""

    def answer(seen: Seen) -> Script:
        if seen.json["model"] in ("judge", "strict"):
            score = json.dumps({"reason": "so", "score": 8})
            return Script((Say(score),), usage=ScriptUsage(input_tokens=100_000, output_tokens=100))
        return Script((Say("An answer."),), usage=USAGE)

    async with Upstream(answer) as up, house(tmp_path, config(up.url, RECORD_BODIES=True)) as it:
        for number in range(6):
            await post(it.url, hello(messages=[{"role": "user", "content": f"question {number} of mine"}]))
        await it.rows("select * from bodies", count=6)
        arguments = ("p,judge", "p,strict", "--judge-changes", "--yes", "--budget-usd", "0.5")
        _, out, err = await asyncio.to_thread(call, *arguments)
    assert "3 replies judged by both." in out
    assert "the budget is spent" in err
