"""The owner's script in the whole router: what it answers, edits and does wrong, with a real Node and real sockets."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.bodies import HELLO, hello
from tests.e2e.house import House, house
from tests.e2e.stage import config
from tests.e2e.wire import Answer, post

from claude_code_router.scripted.script import Say, Script
from claude_code_router.scripted.upstream import Upstream

ODD = b'{ "max_tokens": 6.4e1, "messages": [ {"role":"user", "content":"h\\u00fc\\/"} ], "model":"m" , "x": [1.0] }'


class Scene:
    def __init__(self, it: House, up: Upstream, script: Path) -> None:
        self.house, self.up, self.script = it, up, script

    async def post(self, body: object = HELLO) -> tuple[Answer, dict[str, Any]]:
        """The answer and its record."""
        answer = await post(self.house.url, body)
        return answer, await self.house.record(answer)


Opened = Callable[..., AbstractAsyncContextManager[Scene]]


@pytest.fixture
def scene(tmp_path: Path) -> Opened:

    @asynccontextmanager
    async def opened(name: str, text: str, limit_ms: int = 15_000) -> AsyncIterator[Scene]:
        if name.endswith("js") and shutil.which("node") is None:
            pytest.skip("Node is not installed")
        script = tmp_path / name
        script.write_text(text)
        async with Upstream(Script((Say("ok"),))) as up:
            content = config(
                up.url,
                "relay",
                {"default": "up,small", "longContext": "up,large"},
                CUSTOM_ROUTER_PATH=str(script),
                CUSTOM_ROUTER_TIMEOUT_MS=limit_ms,
            )
            async with house(tmp_path, content) as it:
                yield Scene(it, up, script)

    return opened


def verdict(record: dict[str, Any]) -> str:
    [said] = [one["because"] for one in json.loads(record["verdicts"]) if one["rule"] == "custom"]
    return str(said)


CHOOSES = [
    ("router.js", "module.exports = async (req, config) => config.Router.longContext"),
    ("router.mjs", "export default (req, config) => `${config.providers[0].name},large`"),
    ("router.py", "async def route(request, config):\n    return config['Router']['longContext']"),
]
EDITS = [
    ("router.js", "module.exports = (req) => { req.body.system = 'be brief' }"),
    ("router.py", "def route(request, config):\n    request.body['system'] = 'be brief'"),
]
CHANGES_MODEL = [
    ("router.js", "module.exports = (req) => { req.body.model = 'up,large' }"),
    ("router.py", "def route(request, config):\n    request.body['model'] = 'up,large'"),
]


@pytest.mark.parametrize(("name", "text"), CHOOSES)
async def test_answer(scene: Opened, name: str, text: str) -> None:
    """The answer decides, the client's bytes go on as they came but for the model, and the record tells it."""
    async with scene(name, text) as s:
        answer, record = await s.post(ODD)
        assert answer.status == 200
        assert s.up.seen[-1].body == ODD.replace(b'"m"', b'"large"')
        assert (record["rule"], record["target"]) == ("custom", "up,large")
        assert record["because"].startswith('the custom router answered "up,large" (')
        assert json.loads(record["signals"])["custom_ms"] > 0


@pytest.mark.parametrize(("name", "text"), EDITS)
async def test_edits(scene: Opened, name: str, text: str) -> None:
    """What the script does to the body goes upstream; without an answer the rules decide."""
    async with scene(name, text) as s:
        _, record = await s.post()
        assert s.up.seen[-1].json == {**HELLO, "model": "small", "system": "be brief"}
        assert record["rule"] == "default"
        assert "it edited the request" in verdict(record)


@pytest.mark.parametrize(("name", "text"), CHANGES_MODEL)
async def test_edited_model(scene: Opened, name: str, text: str) -> None:
    """A script that rewrites req.body.model has chosen by the explicit rule, as in the npm tool."""
    async with scene(name, text) as s:
        _, record = await s.post()
        assert (record["rule"], record["target"]) == ("explicit", "up,large")


WRONG = [
    ("throws.js", "module.exports = () => { throw new Error('oh no') }", "oh no"),
    ("rejects.js", "module.exports = async () => { throw new Error('oh no') }", "oh no"),
    ("exits.js", "module.exports = () => process.exit(1)", "its process ended"),
    ("loops.js", "module.exports = () => { for (;;); }", "did not answer within 400 ms"),
    ("never.js", "module.exports = () => new Promise(() => {})", "did not answer within 400 ms"),
    ("giant.js", "module.exports = () => 'x'.repeat(20e6)", "20000000 characters"),
    ("number.js", "module.exports = () => 42", "returned 42"),
    ("object.js", "module.exports = () => ({})", "returned {}"),
    ("banana.js", "module.exports = () => 'banana'", "names no provider"),
    ("unknown.js", "module.exports = () => 'nope,model'", 'no provider "nope"'),
    ("unreadable.js", "module.exports = (req) => { delete req.body.messages; return 'up,large' }", "cannot be read"),
    ("nobody.js", "module.exports = (req) => { req.body = undefined }", "no object"),
    ("syntax.js", "module.exports = (", "SyntaxError"),
    ("empty.js", "", "exports no function"),
    ("throws.py", "def route(request, config):\n    raise ValueError('oh no')", "oh no"),
    ("exits.py", "import sys\ndef route(request, config):\n    sys.exit(1)", "SystemExit"),
    ("loops.py", "def route(request, config):\n    while True: pass", "did not answer within 400 ms"),
    ("blocks.py", "import time\nasync def route(request, config):\n    time.sleep(2)", "did not answer within 400 ms"),
    ("unreadable.py", "def route(request, config):\n    request.body['messages'] = 1", "cannot be read"),
    ("syntax.py", "def route(", "SyntaxError"),
]


@pytest.mark.parametrize(("name", "text", "because"), WRONG)
async def test_nothing_is_lost(scene: Opened, name: str, text: str, because: str) -> None:
    """Whatever a script does wrong: the client is served by the rules, its bytes untouched, and the record says why.
    While it does, other requests are served too, and the health page answers."""
    async with scene(name, text, limit_ms=400 if "within 400" in because else 15_000) as s:
        (answer, record), *others = await asyncio.gather(*(s.post(ODD) for _ in range(4)))
        assert answer.status == 200
        assert {seen.body for seen in s.up.seen} == {ODD.replace(b'"m"', b'"small"')}
        assert record["rule"] == "default"
        assert because in verdict(record)
        assert all(other.status == 200 for other, _ in others)
        assert (await s.house.health())["status"] == "ok"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("live.js", "module.exports = () => 'up,%s'"),
        ("live.py", "def route(request, config):\n    return 'up,%s'"),
    ],
)
async def test_edited_script(scene: Opened, name: str, text: str) -> None:
    """Edits of the script are in force without a restart; a broken one is not."""
    async with scene(name, text % "one") as s:

        async def until(model: str) -> None:
            async with asyncio.timeout(20):
                while (await s.post())[1]["target"] != f"up,{model}":
                    pass

        await until("one")
        s.script.write_text(text % "two")
        await until("two")
        s.script.write_text("(")
        for _ in range(3):
            assert (await s.post())[1]["target"] == "up,two"
        s.script.write_text(text % "three")
        await until("three")


async def test_config_that_comes_and_goes(scene: Opened) -> None:
    """The key can be taken out and put in while the router runs."""
    async with scene("router.py", CHOOSES[2][1]) as s:
        assert (await s.post())[1]["rule"] == "custom"
        content = json.loads(s.house.home.config.read_text())
        s.house.write({**content, "CUSTOM_ROUTER_PATH": ""})
        async with asyncio.timeout(20):
            while (record := (await s.post())[1])["rule"] == "custom":
                pass
        assert verdict(record) == "no custom router is set"
        s.house.write(content)
        async with asyncio.timeout(20):
            while (await s.post())[1]["rule"] != "custom":
                pass


async def test_count_tokens(scene: Opened) -> None:
    """Counting asks the script too: what it adds to a request is counted."""
    async with scene("router.js", "module.exports = (req) => { req.body.system = 'word '.repeat(1000) }") as s:
        answer = await post(s.house.url, hello(), path="/v1/messages/count_tokens")
        assert answer.json["input_tokens"] > 500
