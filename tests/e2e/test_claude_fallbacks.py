"""The real Claude Code CLI when its primary fails and the chain has another target: the turn completes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.client import Client
from tests.e2e.sight import Sight
from tests.e2e.stage import PATHS, Mode, free_port, router, rows_of
from tests.e2e.waiting import until_found

from claude_code_router.scripted.script import Call, Cut, End, Fault, Pause, Raw, Say, Script, Start
from claude_code_router.scripted.upstream import Answer, Seen, Upstream, in_turn

pytestmark = [pytest.mark.real_client, pytest.mark.timeout(180)]

FREELY = "--dangerously-skip-permissions"
WELL = Script((Say("The second one answers."),))
OVERLOADED = Script((Fault("overloaded_error", "Overloaded"),), status=529)


@dataclass
class Pair:
    """A primary and what stands behind it."""

    first: Upstream
    second: Upstream
    home: Path
    project: Path
    client: Client

    async def records(self, outcome: str) -> list[dict[str, Any]]:
        """Once there is one of this outcome."""

        async def look() -> list[dict[str, Any]] | None:
            rows = rows_of(self.home)
            return rows if any(row["outcome"] == outcome for row in rows) else None

        return await until_found(look, f"a record says {outcome}")


def seen_by(up: Upstream) -> Sequence[Sight]:
    return [Sight(seen) for seen in up.seen]


def config(first: str, second: str, mode: Mode) -> dict[str, Any]:
    def provider(name: str, url: str, path: str) -> dict[str, Any]:
        anthropic = {"transformer": {"use": ["Anthropic"]}} if path == PATHS["relay"] else {}
        return {"name": name, "api_base_url": url + path, "api_key": "sk", "models": ["m"], **anthropic}

    return {
        "LOG": False,
        "Providers": [provider("first", first, PATHS[mode]), provider("second", second, PATHS["relay"])],
        "Router": {"default": "first,m"},
        "fallback": {"default": ["second,m"]},
    }


@contextlib.asynccontextmanager
async def pair(
    mode: Mode, claude: Path, folder: Path, first: Answer | Script | None, second: Answer | Script = WELL
) -> AsyncIterator[Pair]:
    """Without a `first`, nobody listens there."""
    home, project = folder / "home", folder / "project"
    home.mkdir()
    project.mkdir()
    async with Upstream(first or Script()) as one, Upstream(second) as two:
        url = one.url if first is not None else f"http://127.0.0.1:{free_port()}"
        async with router(home, config(url, two.url, mode)) as place:
            yield Pair(one, two, home, project, Client(claude, place, home, project))


async def test_primary_down_at_start(mode: Mode, claude: Path, tmp_path: Path) -> None:
    """Nobody listens at the primary: the user sees the answer and no retries."""
    async with pair(mode, claude, tmp_path, None) as s:
        run = await s.client.run("hello")
        assert run.text == "The second one answers."
        assert run.retries == []
        rows = await s.records("delivered")
        assert {row["target"] for row in rows} == {"first,m"}


async def test_storm_of_529(mode: Mode, claude: Path, tmp_path: Path) -> None:
    """Everything is overloaded at the primary: the turn with its tool call completes, and the client never retries."""
    calls = Script((Say("I look."), Call("Bash", {"command": "echo stormy"}, id="call_s")))
    async with pair(mode, claude, tmp_path, OVERLOADED, in_turn(calls, WELL)) as s:
        run = await s.client.run("hello", FREELY)
        assert run.text == "The second one answers."
        assert run.retries == []
        assert seen_by(s.second)[-1].result("call_s").text.strip() == "stormy"
        # Two attempts at most for each of the turn's requests; later ones find the primary left alone.
        assert len(s.first.seen) <= 2 * len(s.second.seen)


@pytest.mark.parametrize("steps", [(Start(), Cut()), (Start(), End()), (Start(), Fault("api_error", "broke"))])
async def test_cut_before_content(mode: Mode, claude: Path, tmp_path: Path, steps: tuple[Any, ...]) -> None:
    """A stream that breaks before its first content is answered from elsewhere, unseen by the client."""
    async with pair(mode, claude, tmp_path, Script(steps)) as s:
        run = await s.client.run("hello")
        assert run.text == "The second one answers."
        assert run.retries == []


Frames = tuple[tuple[str, dict[str, Any]], ...]
ARGUMENTS = '{"command": "echo ran >'
MESSAGE: dict[str, Any] = {
    "id": "msg_h",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [],
    "stop_reason": None,
    "usage": {"input_tokens": 9, "output_tokens": 1},
}
CALL = {"index": 0, "id": "call_h", "type": "function", "function": {"name": "Bash", "arguments": ARGUMENTS}}
HALF_A_CALL: dict[str, Frames] = {
    "anthropic": (
        ("message_start", {"message": MESSAGE}),
        (
            "content_block_start",
            {"index": 0, "content_block": {"type": "tool_use", "id": "call_h", "name": "Bash", "input": {}}},
        ),
        ("content_block_delta", {"index": 0, "delta": {"type": "input_json_delta", "partial_json": ARGUMENTS}}),
    ),
    "openai_chat": (("", {"choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": [CALL]}}]}),),
}


def half_a_call(seen: Seen, end: Cut | End) -> Script:
    """The arguments of a call break off in the middle."""
    frames = "".join(
        (f"event: {name}\n" if name else "") + f"data: {json.dumps({'type': name, **data} if name else data)}\n\n"
        for name, data in HALF_A_CALL[seen.dialect]
    )
    return Script((Raw(frames.encode()), Pause(0.3), end), headers={"content-type": "text/event-stream"})


@pytest.mark.parametrize("end", [Cut(), End()])
async def test_cut_in_a_tool_call(mode: Mode, claude: Path, tmp_path: Path, end: Cut | End) -> None:
    """A tool call that breaks off is not run by halves: the client asks again, the chain answers, the turn completes."""
    first = iter([True])
    answers: Answer = lambda seen: half_a_call(seen, end) if next(first, False) else OVERLOADED  # noqa: E731
    async with pair(mode, claude, tmp_path, answers) as s:
        run = await s.client.run("hello", FREELY)
        assert run.text == "The second one answers."
        assert run.blocks("tool_use") == []
        rows = await s.records("delivered")
        assert [row["outcome"] for row in rows] == ["broken_off", "delivered"]


async def test_key_exhausted(mode: Mode, claude: Path, tmp_path: Path) -> None:
    """The key's quota is used up: the next target answers, and the primary is then left alone."""
    spent = Script((Fault("rate_limit_error", "You exceeded your current quota"),), status=429)
    async with pair(mode, claude, tmp_path, spent) as s:
        first = await s.client.run("hello")
        again = await s.client.run("and again")
        assert first.text == again.text == "The second one answers."
        assert first.retries == again.retries == []
        assert len(s.first.seen) == 1


async def test_all_down(mode: Mode, claude: Path, tmp_path: Path) -> None:
    """Nobody is there at all: the user is told within seconds which target cannot be reached, not after three minutes."""
    async with pair(mode, claude, tmp_path, None, Script((Cut(),))) as s:
        run = await s.client.run("hello")
        assert run.result["is_error"]
        assert "first,m" in run.text
        assert run.retries == []
        rows = await s.records("exhausted")
        assert json.loads(rows[-1]["verdicts"])
