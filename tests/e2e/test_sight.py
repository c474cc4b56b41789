"""Pictures for models that cannot see: described once by the image target, and the conversation stays where it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.house import house
from tests.e2e.pictures import image_block
from tests.e2e.wire import post

from claude_code_router.scripted.script import Cut, Say, Script
from claude_code_router.scripted.upstream import Seen, Upstream

BLIND = {"blind": {"vision": False}}


def config(url: str, **more: Any) -> dict[str, Any]:
    main = {"api_key": "sk-main", "models": ["blind", "sees"], "cards": BLIND}
    return {
        "Providers": [
            {"name": "chat", "api_base_url": f"{url}/v1/chat/completions", **main},
            {"name": "anthropic", "api_base_url": f"{url}/v1/messages", **main},
            {"name": "eyes", "api_base_url": f"{url}/v1/messages", "api_key": "sk-eyes", "models": ["vl"]},
        ],
        **more,
    }


def body(*earlier: dict[str, Any], last: str = "what is on it?", picture: bool = True, stream: bool = False) -> bytes:
    content = [{"type": "text", "text": last}, *([image_block()] if picture else [])]
    turns = [*earlier, {"role": "user", "content": content}]
    return json.dumps({"model": "claude-x", "max_tokens": 64, "stream": stream, "messages": turns}).encode()


def answers(seen: Seen) -> Script:
    return Script((Say("a red square that says STOP" if seen.json["model"] == "vl" else "I see.", chunks=1),))


HISTORY = ({"role": "user", "content": [image_block()]}, {"role": "assistant", "content": "a picture"})


@pytest.mark.parametrize("provider", ["chat", "anthropic"])
@pytest.mark.parametrize("stream", [False, True])
async def test_the_conversation_stays_and_gets_words(tmp_path: Path, provider: str, stream: bool) -> None:
    """Asked for by the npm tool's own key: the main model answers, with words where the picture stood, and no text is lost."""
    wanted = {"Router": {"default": f"{provider},blind", "image": "eyes,vl"}, "forceUseImageAgent": True}
    async with Upstream(answers) as up, house(tmp_path, config(up.url, **wanted)) as it:
        first = await post(it.url, body(stream=stream))
        second = await post(it.url, body(stream=stream))
        row = await it.record(first)
        [sight] = await it.rows("select * from requests where purpose = 'sight'", count=1)
        shown = await it.rows("select * from requests where purpose = 'client'", count=2)
    assert (first.status, second.status, row["target"]) == (200, 200, f"{provider},blind")
    assert b"I see." in first.body
    assert b"red square" not in first.body
    described, main, again = up.seen
    assert (described.json["model"], described.json["messages"][0]["content"][0]) == ("vl", image_block())
    assert main.json == again.json  # one description, and equal bytes for the main model's cache
    said = main.json["messages"][-1]["content"]
    text = said if isinstance(said, str) else "".join(part["text"] for part in said)
    assert "what is on it?" in text
    assert "red square that says STOP" in text
    assert (sight["parent"], sight["target"]) == (row["id"], "eyes,vl")
    assert len(shown) == 2


async def test_a_blind_model_gets_words_for_older_pictures(tmp_path: Path) -> None:
    """The turn with the picture goes to the image target as ever; later turns stay on their model, which gets words."""
    async with (
        Upstream(answers) as up,
        house(tmp_path, config(up.url, Router={"default": "chat,blind", "image": "eyes,vl"})) as it,
    ):
        await post(it.url, body())
        await post(it.url, body(*HISTORY, last="and its colour?", picture=False))
    assert [seen.json["model"] for seen in up.seen] == ["vl", "vl", "blind"]
    assert "red square" in json.dumps(up.seen[-1].json)


async def test_a_model_that_sees_gets_the_picture(tmp_path: Path) -> None:
    """Nothing is described unasked."""
    async with (
        Upstream(answers) as up,
        house(tmp_path, config(up.url, Router={"default": "anthropic,sees", "image": "eyes,vl"})) as it,
    ):
        await post(it.url, body(*HISTORY, last="and its colour?", picture=False))
    [seen] = up.seen
    assert seen.json["messages"][0]["content"] == [image_block()]


async def test_a_description_that_fails_is_said_to_be_missing(tmp_path: Path) -> None:
    """The person still gets an answer, the model knows that it did not see, and the next turn tries again."""

    def blind_eyes(seen: Seen) -> Script:
        return Script((Cut(),)) if seen.json["model"] == "vl" else Script((Say("I could not see it."),))

    wanted = {"Router": {"default": "chat,blind", "image": "eyes,vl"}, "forceUseImageAgent": True}
    async with Upstream(blind_eyes) as up, house(tmp_path, config(up.url, retry={"attempts": 1}, **wanted)) as it:
        answer = await post(it.url, body())
        await post(it.url, body())
    assert answer.status == 200
    assert [seen.json["model"] for seen in up.seen].count("vl") >= 2
    assert "could not be put into words" in json.dumps(up.seen[-1].json)


async def test_a_client_of_openai_gets_the_same(tmp_path: Path) -> None:
    """Its own form of pictures, its own form of answer."""
    wanted = {"Router": {"default": "chat,blind", "image": "eyes,vl"}, "forceUseImageAgent": True}
    data = image_block()["source"]["data"]
    content = [
        {"type": "text", "text": "what?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
    ]
    asked = json.dumps({"model": "gpt", "messages": [{"role": "user", "content": content}]}).encode()
    async with Upstream(answers) as up, house(tmp_path, config(up.url, **wanted)) as it:
        answer = await post(it.url, asked, path="/v1/chat/completions")
    assert answer.json["choices"][0]["message"]["content"] == "I see."
    assert "red square" in json.dumps(up.seen[-1].json)
    assert data not in json.dumps(up.seen[-1].json)
