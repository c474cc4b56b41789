"""The client's helper requests that need the internet to come about (a fetched page, a suggestion), as it words them, reach
`background`: by its hint header, and by their marks when it sends none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.e2e.bodies import hello
from tests.e2e.house import House, house
from tests.e2e.stage import config
from tests.e2e.wire import post

from claude_code_router.scripted.script import Say, Script
from claude_code_router.scripted.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOOL = {"name": "Bash", "input_schema": {"type": "object"}}
BILLING = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330.abc; cc_entrypoint=cli;"}
IDENTITY = {"type": "text", "text": "You are Claude Code, Anthropic's official CLI for Claude."}
SYSTEM = [BILLING, IDENTITY]
PAGE = "\nWeb page content:\n---\nTrees grow.\n---\n\nWhat grows?"
SUGGESTION = "[SUGGESTION MODE: Suggest what the user might type next.]"


def user(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


WEB_FETCH = hello(system=SYSTEM, messages=user(PAGE))
SUGGEST = hello(system=[*SYSTEM, {"type": "text", "text": "prompt"}], tools=[TOOL], messages=user(SUGGESTION))
AUXILIARY = {"x-claude-code-request-class": "auxiliary"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def router(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    routes = {"default": "up,default-model", "background": "up,background-model"}
    folder = tmp_path_factory.mktemp("routes")
    async with Upstream(Script((Say("ok"),))) as up, house(folder, config(up.url, "relay", routes)) as it:
        yield it


@pytest.mark.parametrize("headers", [{}, AUXILIARY])
@pytest.mark.parametrize(
    ("body", "kind"),
    [pytest.param(WEB_FETCH, "web_fetch", id="page"), pytest.param(SUGGEST, "suggestion", id="suggestion")],
)
async def test_helpers(router: House, body: dict[str, Any], kind: str, headers: dict[str, str]) -> None:
    """The digest of a fetched page and the suggested next words go to `background`."""
    row = await router.record(await post(router.url, body, headers))
    assert (row["kind"], row["scenario"], row["target"]) == (kind, "background", "up,background-model")


async def test_hint_alone(router: House) -> None:
    """A helper that nobody knows yet, but that calls itself auxiliary, goes there too."""
    body = hello(system=SYSTEM, messages=user("Do something new."))
    row = await router.record(await post(router.url, body, AUXILIARY))
    assert row["scenario"] == "background"


async def test_a_person_who_quotes(router: House) -> None:
    """A person's own prompt that has such words in its middle stays on `default`."""
    body = hello(system=SYSTEM, tools=[TOOL], messages=user("Why does it say [SUGGESTION MODE: here?"))
    row = await router.record(await post(router.url, body))
    assert row["scenario"] == "default"
