"""A conversation of the real Claude Code CLI that moves between providers of different dialects in its middle."""

from __future__ import annotations

import pytest
from tests.e2e.conftest import Play
from tests.e2e.sight import Sight
from tests.e2e.stage import Mode

from claude_code_router.scripted.script import Call, Say, Script, Think
from claude_code_router.scripted.upstream import Seen

pytestmark = [pytest.mark.real_client, pytest.mark.timeout(180)]

FREELY = "--dangerously-skip-permissions"
OTHER: dict[Mode, Mode] = {"relay": "translate", "translate": "relay"}


def answer(seen: Seen) -> Script:
    """First thoughts and a call, then thoughts and a text."""
    sight = Sight(seen)
    if sight.results:
        return Script((Think("Now I know."), Say("It said so.")))
    return Script(
        (Think("I should look."), Say("I look."), Call("Bash", {"command": "echo seen"}, id="toolu_01/odd:id.1"))
    )


async def test_conversation_moves(stage: Play, mode: Mode) -> None:
    """The history goes on with the other provider: texts, calls and results arrive; thoughts never under a false signature."""
    if mode == "direct":
        pytest.skip("only a router moves a conversation")
    async with stage(answer, other=OTHER[mode]) as s:
        first = await s.client.run("Look.", FREELY)
        assert first.text == "It said so."
        assert [block["thinking"] for block in first.blocks("thinking")] == ["I should look.", "Now I know."]
        second = await s.client.run("And now?", FREELY, "--continue", "--model", "other,other-model")
        assert second.text == "It said so."
        there = s.last
        assert there.model == "other-model"
        assert there.anthropic == (OTHER[mode] == "relay")
        assert [call.name for call in there.calls] == ["Bash"]
        assert [result.text.strip() for result in there.results] == ["seen"]
        assert {"I look.", "It said so."} <= {text.strip() for text in there.said}
        if mode == "translate":  # thoughts of the chat server carry a signature that only we can read
            assert b"ccr1" not in there.seen.body
        third = await s.client.run("Back again?", FREELY, "--continue", "--model", "up,main-model")
        assert third.text == "It said so."
        assert {row["outcome"] for row in await s.records(4)} == {"delivered"}
