"""The door: who may come in, and what else than messages is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.e2e.bodies import HELLO
from tests.e2e.house import House, house
from tests.e2e.stage import config
from tests.e2e.wire import exchange, get, post, request_bytes

from claude_code_router.cli.service import Health, probe
from claude_code_router.scripted.script import Say, Script
from claude_code_router.scripted.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

OK = Script((Say("ok"),))
KEY = "sk-router-secret"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream(OK) as up:
        yield up


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Without APIKEY."""
    content = config(upstream.url, "relay", {"default": "up,main-model"}, models=["other/model"])
    async with house(tmp_path_factory.mktemp("opened"), content) as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def locked(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """With APIKEY."""
    content = config(upstream.url, "relay", {"default": "up,main-model"}, APIKEY=KEY)
    async with house(tmp_path_factory.mktemp("locked"), content) as it:
        yield it


GOOD_KEYS = [
    {"authorization": f"Bearer {KEY}"},
    {"authorization": f"bearer {KEY}"},
    {"x-api-key": KEY},
    {"authorization": "Bearer of-somebody-else", "x-api-key": KEY},
    {"authorization": f"Bearer {KEY}", "x-api-key": "of-somebody-else"},
]
BAD_KEYS = [
    {},
    {"authorization": "Bearer wrong"},
    {"authorization": "Bearer "},
    {"authorization": f"Basic {KEY}"},
    {"x-api-key": "wrong"},
    {"x-api-key": KEY + "x"},
    {"x-api-key": KEY[:-1]},
    {"x-api-key": "größe"},
]


@pytest.mark.parametrize("headers", GOOD_KEYS)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
async def test_key_accepted(locked: House, headers: dict[str, str], path: str) -> None:
    """The key opens the door in either header."""
    assert (await post(locked.url, HELLO, headers, path)).status == 200


@pytest.mark.parametrize("headers", BAD_KEYS)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens", "/no/such/path"])
async def test_key_refused(locked: House, upstream: Upstream, headers: dict[str, str], path: str) -> None:
    """Without the key: 401 in the client's envelope, said once (the client would retry it for minutes), nothing upstream."""
    before = len(upstream.seen)
    answer = await post(locked.url, HELLO, headers, path)
    assert answer.status == 401
    assert answer.error[0] == "authentication_error"
    assert answer.header("x-should-retry") == "false"
    assert KEY.encode() not in answer.body
    assert len(upstream.seen) == before


async def test_models_need_the_key(locked: House) -> None:
    """The model list is for those who have the key."""
    assert (await get(locked.url, "/v1/models")).status == 401
    assert (await get(locked.url, "/v1/models", {"x-api-key": KEY})).status == 200


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:3456", "127.0.0.1", "127.0.0.1:80", "[::1]:3456", "127.9.9.9"]
)
async def test_loopback_names(opened: House, host: str) -> None:
    """Without APIKEY every name of this machine itself is served."""
    assert (await post(opened.url, HELLO, {"host": host})).status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:3456", "10.0.0.5", "127.0.0.1@evil.example"])  # fmt: skip  # noqa: E501
async def test_foreign_names(opened: House, host: str) -> None:
    """Without APIKEY a web page that rebinds its name to us is refused."""
    answer = await post(opened.url, HELLO, {"host": host})
    assert (answer.status, answer.error[0]) == (403, "permission_error")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "file://", "http://127.0.0.1.evil.example"])
async def test_foreign_origins(opened: House, origin: str) -> None:
    """Without APIKEY a web page of another origin is refused."""
    assert (await post(opened.url, HELLO, {"origin": origin})).status == 403


@pytest.mark.parametrize("origin", ["http://localhost:8000", "http://127.0.0.1:3456", "http://[::1]:1"])
async def test_own_origins(opened: House, origin: str) -> None:
    """Pages of this machine are served."""
    assert (await post(opened.url, HELLO, {"origin": origin})).status == 200


async def test_no_open_cors(opened: House) -> None:
    """No reply invites other origins to read it."""
    answer = await post(opened.url, HELLO, {"origin": "http://localhost:8000"})
    assert answer.header("access-control-allow-origin") in (None, "http://localhost:8000")


@pytest.mark.parametrize("path", ["/", "/api/hello"])
async def test_probes(locked: House, path: str) -> None:
    """The client's probes are answered without a key."""
    answer = await get(locked.url, path, method="HEAD")
    assert answer.status == 200
    assert answer.body == b""


async def test_health(locked: House) -> None:
    """/health needs no key, names the instance, and tells no secret."""
    health = await locked.health()
    assert health["status"] == "ok"
    assert health["instance"] == "instance-of-test"
    assert health["config"]["error"] is None
    assert health["records"]["dropped"] == 0
    assert KEY not in json.dumps(health)


async def test_health_says_what_is_wrong_to_those_with_the_key(upstream: Upstream, tmp_path: Path) -> None:
    """Strangers learn that something is wrong with the config, not which file or provider; `ccr status` learns all."""
    content = config(upstream.url, "relay", {"default": "up,main-model"}, APIKEY=KEY, no_such_key=1)
    async with house(tmp_path, content) as it:
        assert (await it.health())["config"]["warnings"] == []
        key = {"authorization": f"Bearer {KEY}"}
        assert "no_such_key" in (await get(it.url, "/health", key)).json["config"]["warnings"][0]
        it.write("{ no config")
        health = await it.until_health(lambda health: bool(health["config"]["error"]))
        assert str(tmp_path) not in json.dumps(health)
        port = int(it.url.rpartition(":")[2])
        stranger, owner = [await asyncio.to_thread(probe, "127.0.0.1", port, shown) for shown in ("", KEY)]
        assert isinstance(stranger, Health)
        assert isinstance(owner, Health)
        assert stranger.config.error is not None
        assert str(tmp_path) in (owner.config.error or "")


@pytest.mark.parametrize("headers", [{"anthropic-version": "2023-06-01"}, {"user-agent": "claude-code/2.1.330"}])
async def test_models_for_anthropic_clients(opened: House, headers: dict[str, str]) -> None:
    """Claude Code's discovery finds every target under an id that it keeps, and that routes back."""
    answer = await get(opened.url, "/v1/models?limit=1000", headers)
    ids = [row["id"] for row in answer.json["data"]]
    assert len(ids) == 2
    assert all("claude" in id and row["type"] == "model" and row["display_name"] for id, row in zip(ids, answer.json["data"], strict=True))  # fmt: skip  # noqa: E501
    for id, model in zip(ids, ("main-model", "other/model"), strict=True):
        reply = await post(opened.url, {**HELLO, "model": id})
        assert reply.status == 200
        assert (await opened.record(reply))["target"] == f"up,{model}"


async def test_models_for_openai_clients(opened: House) -> None:
    """Everybody else gets OpenAI's shape."""
    answer = await get(opened.url, "/v1/models", {"user-agent": "python-requests/2"})
    assert answer.json["object"] == "list"
    assert {row["id"] for row in answer.json["data"]} == {"up,main-model", "up,other/model"}


@pytest.mark.parametrize("path", ["/v1/messages/", "/v1/v1/messages", "/v1/messages?beta=true"])
async def test_spellings_of_the_path(opened: House, path: str) -> None:
    """Base URLs with a slash or a /v1 too much work."""
    assert (await post(opened.url, HELLO, path=path)).status == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/messages", 405), ("POST", "/v2/messages", 404), ("GET", "/etc/passwd", 404), ("DELETE", "/v1/models", 405)])  # fmt: skip  # noqa: E501
async def test_other_paths(opened: House, method: str, path: str, status: int) -> None:
    """What is not there is said in the client's envelope."""
    answer = await get(opened.url, path, method=method)
    assert answer.status == status
    assert answer.error[1]


async def test_pipelined_and_kept_alive(opened: House) -> None:
    """A connection serves one request after the other."""
    one = request_bytes(opened.url, "/health", method="GET")
    assert (await exchange(opened.url, one + one)).status == 200
