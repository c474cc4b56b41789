"""`GET /metrics` and alerts of a running router."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.e2e.bodies import hello
from tests.e2e.house import house
from tests.e2e.waiting import until
from tests.e2e.wire import get, post

from claude_code_router.scripted.script import Say, Script, ScriptUsage
from claude_code_router.scripted.upstream import Upstream

KEY = "sk-of-the-owner-1234"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PLANTED = "sk-ant-api03-PLANTED0000000000000000000000000000000000000000"
ANSWER = Script((Say("Fine."),), usage=ScriptUsage(input_tokens=1000, output_tokens=100))
LINE = re.compile(r'[a-z_]+(?:\{[a-z_]+="(?:[^"\\\n]|\\.)*"(?:,[a-z_]+="(?:[^"\\\n]|\\.)*")*\})? -?[0-9.e+-]+')


def config(url: str, **more: Any) -> dict[str, Any]:
    provider = {
        "name": "p",
        "api_base_url": f"{url}/v1/messages",
        "api_key": KEY,
        "models": ["small"],
        "price": {"*": {"input": 1.0, "output": 9.0}},
    }
    return {"Providers": [provider], "Router": {"default": "p,small"}, "Tiers": {"light": "p,small"}, **more}


def said(text: str) -> dict[str, Any]:
    return hello(messages=[{"role": "user", "content": text}])


async def test_metrics_tell_what_went_through(tmp_path: Path) -> None:
    """Every line is of the text format; counts, tokens and cost are those of the requests; nothing secret is in it."""
    async with Upstream(ANSWER) as up, house(tmp_path, config(up.url)) as it:
        for _ in range(3):
            await it.record(await post(it.url, said(f"my key is {PLANTED}"), {"x-claude-code-session-id": PLANTED}))
        answer = await get(it.url, "/metrics")
    text = answer.body.decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert (answer.header("content-type") or "").startswith("text/plain; version=0.0.4")
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    requests = (
        'namespace="",purpose="client",scenario="default",tier="light",provider="p",model="small",outcome="delivered"'
    )
    assert f"ccr_requests_total{{{requests}}} 3" in lines
    assert 'ccr_tokens_total{provider="p",model="small",kind="input"} 3000' in lines
    assert 'ccr_request_seconds_count{namespace="",tier="light"} 3' in lines
    [cost] = [line for line in lines if line.startswith("ccr_cost_usd_total")]
    assert abs(float(cost.split()[-1]) - 3 * 0.0019) < 1e-9
    assert KEY not in text
    assert PLANTED not in text


async def test_metrics_need_the_key_unless_they_are_open(tmp_path: Path) -> None:
    """As everything else; and a namespace's key does not show the other namespaces."""
    lanes = {"team": {"keys": {"me": "key-of-the-team"}}}
    async with Upstream(ANSWER) as up:
        async with house(tmp_path, config(up.url, APIKEY="the-key", Namespaces=lanes)) as it:
            assert (await get(it.url, "/metrics")).status == 401
            assert (await get(it.url, "/metrics", {"x-api-key": "key-of-the-team"})).status == 403
            assert (await get(it.url, "/metrics", {"x-api-key": "the-key"})).status == 200
        monitoring = {"openMetrics": True}
        async with house(tmp_path / "open", config(up.url, APIKEY="the-key", Monitoring=monitoring)) as it:
            assert (await get(it.url, "/metrics")).status == 200


@contextlib.asynccontextmanager
async def hearing(told: list[bytes]) -> AsyncIterator[str]:
    """A server that takes whatever is posted to it; yields its address."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])  # type: ignore[index]
        told.append(head + await reader.readexactly(length))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_an_alert_reaches_the_webhook_once(tmp_path: Path) -> None:
    """Forty requests of which all fail: the band is left, the webhook is told once, the metric shows it."""
    told: list[bytes] = []
    failing = Script((), status=400)
    async with hearing(told) as url, Upstream(failing) as up:
        alerts = {
            "bands": {"errorRate": {"high": 0.05}},
            "webhook": f"{url}/hook/of-the-team",
            "everyMinutes": 0.01,
        }
        async with house(tmp_path, config(up.url, Alerts=alerts)) as it:
            await asyncio.gather(*(post(it.url, said(f"number {number}")) for number in range(40)))
            await until(lambda: bool(told), "the webhook is told")
            await asyncio.sleep(1.5)
            text = (await get(it.url, "/metrics")).body.decode()
    [body] = told
    assert body.startswith(b"POST /hook/of-the-team")
    sent = json.loads(body.partition(b"\r\n\r\n")[2])
    assert (sent["event"], sent["kpi"], sent["side"], sent["value"]) == ("raised", "error_rate", "above", 1.0)
    assert 'ccr_alert_active{kpi="error_rate",namespace=""} 1' in text
    assert KEY not in body.decode()


async def test_traces_reach_the_collector_without_what_was_said(tmp_path: Path) -> None:
    """By OTLP over HTTP, with the owner's header, in the client's trace; the last ones when the router stops."""
    told: list[bytes] = []
    async with hearing(told) as url, Upstream(ANSWER) as up:
        traces = {"endpoint": f"{url}/v1/traces", "headers": {"x-collector-key": "of-the-collector"}}
        async with house(tmp_path, config(up.url, Monitoring={"traces": traces})) as it:
            theirs = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "tracestate": "rojo=00f067aa0ba902b7"}
            headers = {"x-claude-code-session-id": PLANTED, **theirs}
            answer = await post(it.url, said(f"my key is {PLANTED}"), headers)
            await it.record(answer)
            await asyncio.sleep(1.5)
    sent = gzip.decompress(body) if (body := told[0].partition(b"\r\n\r\n")[2])[:2] == b"\x1f\x8b" else body
    assert told[0].startswith(b"POST /v1/traces")
    assert b"of-the-collector" in told[0]
    assert b"gen_ai.usage.input_tokens" in sent
    assert bytes.fromhex(TRACE) in sent
    assert theirs.items() <= up.seen[0].headers.items()
    assert (answer.header("x-ccr-request-id") or "-").encode() in sent
    assert PLANTED.encode() not in sent
    assert KEY.encode() not in sent
