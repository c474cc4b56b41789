"""Custom routers written for the npm tool, run by a real Node."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.plugins.conftest import BODY, Opened

LONG = {**BODY, "system": "be brief"}

THRESHOLD = """
module.exports = async function router(req, config) {
  if (req.tokenCount > 1000) return config.Router.longContext;
  return null;
};
"""
LAST_WORDS = """
// content may be a string or a list of blocks
const textOf = (message) =>
  typeof message?.content === 'string'
    ? message.content
    : (message?.content ?? []).filter((b) => b.type === 'text').map((b) => b.text).join(' ');
module.exports = async (req, config) => {
  const first = req.body.messages.find((m) => m.role === 'user');
  if (textOf(first).includes('explain')) return 'up,large';
};
"""
PROVIDER_BY_NAME = """
module.exports = (req, config, { event }) => {
  event.on('onError', () => {});
  event.once('onSend', (request, reply, payload) => payload);
  const provider = config.Providers.find((p) => p.name === 'up');
  const same = config.providers ? config.providers.length === config.Providers.length : true;
  req.log.info({ model: req.body.model }, 'asked');
  return same && provider ? `${provider.name},${provider.models[1]}` : undefined;
};
"""
BY_HEADER = "exports.default = (req) => req.headers['x-test'] === 'yes' && req.sessionId === 's-1' ? 'up,large' : null"
BY_URL = "module.exports = (req) => (req.url === '/v1/messages?beta=true' && req.query.beta ? 'up,large' : '')"


@pytest.mark.parametrize(
    ("name", "text", "body", "target"),
    [
        ("threshold.js", THRESHOLD, BODY, "up,large"),
        ("words.js", LAST_WORDS, BODY, ""),
        ("words.js", LAST_WORDS, {**BODY, "messages": [{"role": "user", "content": "please explain"}]}, "up,large"),
        (
            "words.js",
            LAST_WORDS,
            {**BODY, "messages": [{"role": "user", "content": [{"type": "text", "text": "explain"}]}]},
            "up,large",
        ),
        ("name.cjs", PROVIDER_BY_NAME, BODY, "up,large"),
        ("header.cjs", BY_HEADER, BODY, "up,large"),
        ("url.js", BY_URL, BODY, "up,large"),
        ("module.mjs", "export default async (req) => 'up,' + req.body.model.slice(0, 6)", BODY, "up,claude"),
        ("commonjs.js", "const path = require('path'); module.exports = () => path.join('up', 'x')", BODY, "up/x"),
        ("nothing.js", "module.exports = () => {}", BODY, ""),
        ("false.js", "module.exports = () => false", BODY, ""),
    ],
)
async def test_routers_in_the_wild(desk: Opened, name: str, text: str, body: dict[str, Any], target: str) -> None:
    """The ways in which people write them all work, and what they do not edit keeps its bytes."""
    async with desk(name, text) as d:
        said = await d.ask(body)
    assert (said.target, said.note, said.body) == (target, "", None)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ("req.body.system = 'be long'", {**LONG, "system": "be long"}),
        ("req.body.messages[0].content += ' größe'", {**LONG, "messages": [{"role": "user", "content": "hi größe"}]}),
        ("delete req.body.system", BODY),
        ("req.body = { ...req.body, max_tokens: 1 }", {**LONG, "max_tokens": 1}),
    ],
)
async def test_edits_persist(desk: Opened, edit: str, expected: dict[str, Any]) -> None:
    """What a script does to req.body goes on, with an answer and without."""
    async with desk("edit.js", f"module.exports = (req) => {{ {edit}; return null }}") as d:
        said = await d.ask(LONG)
    assert said.body is not None
    assert json.loads(said.body) == expected


@pytest.mark.parametrize(
    "body",
    [b'{ "model":"m",\n "messages": [ ] , "n": 1.0e3, "t": "\\u00fc\\/" }', b'{"a":1,"a":2}', b'{"e":"\xc3\xbc"}'],
)
async def test_untouched_bytes(desk: Opened, body: bytes) -> None:
    """White space, escapes and ways to write a number are no edits: the client's own bytes go on."""
    async with desk("touch.js", "module.exports = (req) => { req.body.model = req.body.model; return 'up,a' }") as d:
        said = await d.ask(body)
    assert (said.target, said.body) == ("up,a", None)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("module.exports = () => { throw new TypeError('no such thing') }", "failed: TypeError: no such thing"),
        ("module.exports = async () => { throw 'a string' }", "a string"),
        ("module.exports = () => ({ provider: 'up' })", '{"provider":"up"}'),
        ("module.exports = () => 42", "returned 42"),
        ("module.exports = () => 'x'.repeat(30e6)", "30000000 characters"),
        ("module.exports = (req) => { req.body = null }", "no object"),
        ("module.exports = (req) => { req.body = [1] }", "no object"),
        ("module.exports = (req) => { req.body.self = req.body }", "circular"),
        ("module.exports = (req) => { req.body.n = 1n }", "BigInt"),
        ("module.exports = (req) => { req.body.big = 'x'.repeat(60e6) }", "over 50 MB"),
        ("module.exports = () => process.exit(3)", "its process ended"),
        ("module.exports = () => process.kill(process.pid, 'SIGKILL')", "its process ended"),
        (
            "module.exports = () => { require('fs').writeSync(1, 'past the console'); return new Promise(() => {}) }",
            "own channel",
        ),
    ],
)
async def test_failures(desk: Opened, text: str, note: str) -> None:
    """Whatever a script does, asking it ends with a note that says what happened."""
    async with desk("bad.js", text) as d:
        said = await d.ask()
        assert (said.target, said.body) == ("", None)
        assert note in said.note


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("module.exports = (", "SyntaxError"),
        ("require('no-such-package')", "Cannot find module"),
        ("module.exports = 'up,large'", "exports no function"),
        ("", "exports no function"),
        ("process.exit(1)", "its process ended"),
        (None, "the file is not there"),
    ],
)
async def test_scripts_that_do_not_load(desk: Opened, text: str | None, note: str) -> None:
    """A script that does not load is said so, to the request and to whoever asks for the problem."""
    async with desk("broken.js", text) as d:
        said = await d.ask()
        assert note in said.note
        assert note in d.router.problem


async def test_node_missing(desk: Opened) -> None:
    """Without Node the note says what is to be installed."""
    async with desk("router.js", THRESHOLD, path="/nowhere") as d:
        assert "Node.js" in (await d.ask()).note


async def test_loop_costs_its_own_request(desk: Opened) -> None:
    """An endless loop is given up at its limit; the next request finds a fresh child."""
    text = "module.exports = (req) => { while (req.body.model === 'loop'); return 'up,' + process.pid }"
    async with desk("loop.js", text) as d:
        before = await d.ask()
        d.settings = type(d.settings)(path=d.settings.path, limit_s=0.3, config=d.settings.config)
        assert "did not answer within 300 ms" in (await d.ask({**BODY, "model": "loop"})).note
        d.settings = type(d.settings)(path=d.settings.path, limit_s=15.0, config=d.settings.config)
        after = await d.ask()
    assert after.target.startswith("up,")
    assert after.target != before.target


async def test_promise_that_never_resolves(desk: Opened) -> None:
    """A promise that never resolves costs its own request only: the child lives on."""
    text = """
      module.exports = (req) => (req.body.model === 'never' ? new Promise(() => {}) : 'up,' + process.pid)"""
    async with desk("never.js", text) as d:
        before = await d.ask()
        patient = d.settings
        d.settings = type(d.settings)(path=d.settings.path, limit_s=0.3, config=d.settings.config)
        assert "did not answer" in (await d.ask({**BODY, "model": "never"})).note
        d.settings = patient
        assert (await d.ask()).target == before.target


async def test_many_at_once(desk: Opened) -> None:
    """Requests in flight together get their own answers, in whatever order the script gives them."""
    import asyncio

    text = """
      module.exports = async (req) => {
        await new Promise((done) => setTimeout(done, 40 - req.tokenCount));
        console.log('noise on', 'stdout'); process.stdout.write('more noise\\n');
        return `up,${req.tokenCount}`;
      }"""
    async with desk("order.js", text) as d:
        said = await asyncio.gather(*(d.ask(tokens=n) for n in range(1, 40)))
    assert [one.target for one in said] == [f"up,{n}" for n in range(1, 40)]


async def test_stray_errors(desk: Opened) -> None:
    """A rejection or a throw outside of any request ends nothing."""
    text = """
      module.exports = async (req) => {
        Promise.reject(new Error('stray')); setTimeout(() => { throw new Error('later') }, 0);
        await new Promise((done) => setTimeout(done, 20));
        return 'up,large';
      }"""
    async with desk("stray.js", text) as d:
        assert (await d.ask()).target == "up,large"
        assert (await d.ask()).target == "up,large"


async def test_edit_of_the_script(desk: Opened) -> None:
    """An edit is in force a moment later; a broken one leaves the one before it in force."""
    async with desk("live.js", "module.exports = () => 'up,one'") as d:
        assert (await d.ask()).target == "up,one"
        d.path.write_text("module.exports = () => 'up,two'")
        await d.until(lambda said: said.target == "up,two")
        d.path.write_text("module.exports = (")
        d.path.with_suffix(".bak").touch()
        assert {(await d.ask()).target for _ in range(20)} == {"up,two"}
        d.path.write_text("module.exports = () => 'up,three'")
        said = await d.until(lambda said: said.target != "up,two")
        assert said.target == "up,three"


async def test_changed_config(desk: Opened) -> None:
    """The script sees the config that its request was read with."""
    async with desk("config.js", "module.exports = (req, config) => config.Router.default") as d:
        assert (await d.ask()).target == "up,small"
        assert (await d.ask(config=b'{"Router":{"default":"up,other"}}')).target == "up,other"
