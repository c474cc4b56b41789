"""Custom routers in Python, in real threads."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from tests.unit.plugins.conftest import BODY, Opened

THRESHOLD = """
def route(request, config):
    if request.token_count > 1000:
        return config["Router"]["longContext"]
"""
LAST_WORDS = """
import asyncio

async def route(request, config):
    await asyncio.sleep(0)
    content = request.body["messages"][-1]["content"]
    text = content if isinstance(content, str) else " ".join(b.get("text", "") for b in content)
    return "up,large" if "explain" in text else None
"""
FACTS = """
def route(request, config):
    request.log.info("asked")
    if request.headers["x-test"] == "yes" and request.session_id == "s-1" and request.path == "/v1/messages":
        return f"{config['Providers'][0]['name']}/{request.query}"
"""
KEPT = """
from __future__ import annotations
from dataclasses import dataclass, field

@dataclass
class Seen:
    count: int = 0
    names: list[str] = field(default_factory=list)

SEEN = Seen()

def route(request, config):
    SEEN.count += 1
    return f"up,{SEEN.count}"
"""
SHORT = "def route(request, config):\n    "
EXPLAIN = {**BODY, "messages": [{"role": "user", "content": [{"type": "text", "text": "explain"}]}]}


@pytest.mark.parametrize(
    ("text", "body", "target"),
    [
        (THRESHOLD, BODY, "up,large"),
        (LAST_WORDS, BODY, ""),
        (LAST_WORDS, EXPLAIN, "up,large"),
        (FACTS, BODY, "up/beta=true"),
        (KEPT, BODY, "up,1"),
        (SHORT + "return None", BODY, ""),
        (SHORT + "return ''", BODY, ""),
        ("class R:\n    def __call__(self, request, config): return 'up,x'\nroute = R()", BODY, "up,x"),
    ],
)
async def test_routers(desk: Opened, text: str, body: dict[str, Any], target: str) -> None:
    """Sync and async functions answer with a target or nothing."""
    async with desk("router.py", text) as d:
        said = await d.ask(body)
    assert (said.target, said.note, said.body) == (target, "", None)


@pytest.mark.parametrize("head", ["def", "async def"])
@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ("request.body['system'] = 'größe'", {**BODY, "system": "größe"}),
        (
            "request.body['messages'].append({'role': 'user', 'content': 'more'})",
            {**BODY, "messages": [*BODY["messages"], {"role": "user", "content": "more"}]},
        ),
        ("request.body = {**request.body, 'max_tokens': 1}", {**BODY, "max_tokens": 1}),
    ],
)
async def test_edits_persist(desk: Opened, head: str, edit: str, expected: dict[str, Any]) -> None:
    """What a script does to request.body goes on."""
    async with desk("edit.py", f"{head} route(request, config):\n    {edit}") as d:
        said = await d.ask()
    assert said.body is not None
    assert json.loads(said.body) == expected


@pytest.mark.parametrize("body", [b'{ "model":"m",\n "n": 1.0e3, "t": "\\u00fc\\/" }', b'{"a":1,"a":2}'])
async def test_untouched_bytes(desk: Opened, body: bytes) -> None:
    """White space, escapes and ways to write a number are no edits."""
    async with desk("touch.py", SHORT + "request.body['a'] = request.body.get('a'); del request.body['a']") as d:
        changed = await d.ask(body)
    assert (changed.body is None) == (b'"a"' not in body)
    async with desk("look.py", SHORT + "return request.body and 'up,a'") as d:
        assert (await d.ask(body)).body is None


@pytest.mark.parametrize("head", ["def", "async def"])
@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("raise ValueError('no such thing')", "failed: ValueError: no such thing"),
        ("return 42", "returned int"),
        ("return ['up', 'large']", "returned list"),
        ("return 'x' * 1_000_000", "1,000,000 characters"),
        ("request.body = None", "no dict"),
        ("request.body['x'] = object()", "no JSON"),
        ("request.body['x'] = request.body", "no JSON"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("return request.body['no such key']", "KeyError"),
    ],
)
async def test_failures(desk: Opened, head: str, text: str, note: str) -> None:
    """Whatever a script does, asking it ends with a note that says what happened, and it can be asked again."""
    async with desk("bad.py", f"{head} route(request, config):\n    {text}") as d:
        for _ in range(2):
            said = await d.ask()
            assert (said.target, said.body) == ("", None)
            assert note in said.note


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("def route(request, config)\n    pass", "SyntaxError"),
        ("import no_such_package_anywhere", "ModuleNotFoundError"),
        ("route = 'up,large'", "no function"),
        ("", "no function"),
        ("raise SystemExit(1)", "SystemExit"),
        (None, "the file is not there"),
    ],
)
async def test_scripts_that_do_not_load(desk: Opened, text: str | None, note: str) -> None:
    """A script that does not load is said so."""
    async with desk("broken.py", text) as d:
        assert note in (await d.ask()).note
        assert note in d.router.problem


@pytest.mark.parametrize(
    ("head", "stuck"),
    [
        ("def", "while True: pass"),
        ("def", "time.sleep(3)"),
        ("async def", "while True: pass"),
        ("async def", "time.sleep(3)"),
        ("async def", "await asyncio.sleep(99)"),
    ],
)
async def test_stuck(desk: Opened, head: str, stuck: str) -> None:
    """A call that loops, blocks or waits for ever is given up at its limit; others are answered."""
    text = f"""
import asyncio, time
{head} route(request, config):
    if request.body["model"] == "stuck":
        {stuck}
    return "up,a"
"""
    async with desk("stuck.py", text) as d:
        assert (await d.ask()).target == "up,a"
        patient = d.settings
        d.settings = msgspec.structs.replace(patient, limit_s=0.2)
        assert "did not answer within 200 ms" in (await d.ask({**BODY, "model": "stuck"})).note
        d.settings = patient
        assert (await d.ask()).target == "up,a"


@pytest.mark.parametrize("head", ["def", "async def"])
async def test_many_at_once(desk: Opened, head: str) -> None:
    """Requests in flight together get their own answers."""
    async with desk("many.py", f"{head} route(request, config):\n    return f'up,{{request.token_count}}'") as d:
        said = await asyncio.gather(*(d.ask(tokens=n) for n in range(40)))
    assert [one.target for one in said] == [f"up,{n}" for n in range(40)]


async def test_edit_of_the_script(desk: Opened) -> None:
    """An edit is in force a moment later, within the same second and of the same size too; a broken one changes nothing."""
    async with desk("live.py", SHORT + "return 'up,1'") as d:
        assert (await d.ask()).target == "up,1"
        d.path.write_text(SHORT + "return 'up,2'")
        await d.until(lambda said: said.target == "up,2")
        d.path.write_text(SHORT + "return (")
        assert {(await d.ask()).target for _ in range(20)} == {"up,2"}
        d.path.write_text(SHORT + "return 'up,3'")
        said = await d.until(lambda said: said.target != "up,2")
        assert said.target == "up,3"


async def test_file_that_appears(desk: Opened) -> None:
    """A file that is not there yet is used as soon as it is, whatever the breaker thought of it before."""
    async with desk("late.py", None) as d:
        for _ in range(5):
            assert (await d.ask()).note
        d.path.write_text(SHORT + "return 'up,1'")
        await d.until(lambda said: said.target == "up,1")


async def test_left_alone(desk: Opened) -> None:
    """After three failures the script is not asked for a while."""
    async with desk("bad.py", SHORT + "raise ValueError('again')") as d:
        notes = [(await d.ask()).note for _ in range(4)]
    assert all("again" in note for note in notes[:3])
    assert "left alone" in notes[3]


async def test_other_path(desk: Opened) -> None:
    """Another path in the config is another script; none at all ends the old one."""
    async with desk("one.py", SHORT + "return 'up,1'") as d:
        assert (await d.ask()).target == "up,1"
        other = d.path.with_name("two.py")
        other.write_text(SHORT + "return 'up,2'")
        d.settings = msgspec.structs.replace(d.settings, path=str(other))
        d.router.use(d.settings)
        assert (await d.until(lambda said: said.target != "up,1")).target == "up,2"
        d.router.use(None)
        assert d.router.problem == ""
