"""Every fault of the failure table as an upstream plays it, and what a client makes of the bytes that it gets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.http2_faults import Over
from tests.e2e.wire import Answer

from claude_code_router.scripted.script import Call, Cut, End, Fault, Pause, Raw, Say, Script, ScriptUsage, Stall, Start

WHOLE = "All is well that ends well."
HALF = "Half of"
USAGE = ScriptUsage(input_tokens=10, output_tokens=5)
GOOD = Script((Say(WHOLE),), usage=USAGE)
OVERFLOW = "prompt is too long: 210000 tokens > 200000 maximum"
PAGE = b"<html><body>Please log in</body></html>"


def error(status: int, kind: str, message: str = "so it is", **headers: str) -> Script:
    return Script((Fault(kind, message),), status=status, headers={n.replace("_", "-"): v for n, v in headers.items()})


FALLBACK_WINDOW_TOKENS = 1_000_000
FALLBACK_USD = 2.0


@dataclass(frozen=True)
class Case:
    """One fault. Without a script, `place` says which dead end to call instead."""

    title: str
    script: Script | None = None
    place: str = ""
    limits: Mapping[str, float] = field(default_factory=dict)
    """`timeouts` of the provider."""
    window_tokens: int = 0
    """Of its model, as the owner's card says; 0: not known. The fallback's is FALLBACK_WINDOW_TOKENS."""
    usd: float = 0.0
    """A million of its tokens; 0: not known. The fallback's cost FALLBACK_USD."""
    over: Over = ""
    """HTTP/2 only: what its `Cut` is, on a connection of its own."""


SHORT = {"first_byte_s": 1.0, "idle_s": 1.0}
GAP = Pause(0.3)
"""So that what stands before it has surely left for the client when the fault strikes."""

CASES: tuple[Case, ...] = (
    Case("connection refused", place="refused"),
    Case("name cannot be resolved", place="nowhere"),
    Case("no TLS there", place="plain"),
    Case("a certificate that nobody has signed", place="unsigned"),
    Case("connection never accepted", place="full", limits={"connect_s": 1.0}),
    Case("reset before headers", Script((Cut(),))),
    Case("closed before headers", Script((End(),))),
    Case("400 invalid_request_error", error(400, "invalid_request_error")),
    Case("400 prompt too long", error(400, "invalid_request_error", OVERFLOW)),
    Case(
        "400 prompt too long, a larger window behind",
        error(400, "invalid_request_error", OVERFLOW),
        window_tokens=200_000,
    ),
    Case(
        "400 prompt too long, no larger window", error(400, "invalid_request_error", OVERFLOW), window_tokens=2_000_000
    ),
    Case("401", error(401, "authentication_error")),
    Case("402", error(402, "billing_error")),
    Case("403", error(403, "permission_error")),
    Case("404 no such model", error(404, "not_found_error")),
    Case("408", error(408, "timeout_error")),
    Case("413", error(413, "request_too_large")),
    Case("429", error(429, "rate_limit_error")),
    Case("429, retry-after 1", error(429, "rate_limit_error", retry_after="1")),
    Case("429, retry-after 3600", error(429, "rate_limit_error", retry_after="3600")),
    Case("429, retry-after a date", error(429, "rate_limit_error", retry_after="Fri, 01 Jan 2100 00:00:00 GMT")),
    Case("429, quota used up", error(429, "rate_limit_error", "You exceeded your current quota")),
    Case("500", error(500, "api_error")),
    Case("503", error(503, "api_error")),
    Case("529", error(529, "overloaded_error")),
    Case("529, the fallback cheaper", error(529, "overloaded_error"), usd=3.0),
    Case("529, the fallback dearer than its cap allows", error(529, "overloaded_error"), usd=1.0),
    Case("500 with a web page", Script(status=500, body=PAGE, headers={"content-type": "text/html"})),
    Case("200 with a web page", Script(body=PAGE, headers={"content-type": "text/html"})),
    Case("200 with garbage", Script((Raw(b"\x00\xff garbage \n\n{{{"),))),
    Case("200 without a body", Script((Raw(b""),))),
    Case("a reply without content", Script((), usage=USAGE)),
    Case("refusal without content", Script((), stop="refusal", usage=USAGE)),
    Case("refusal after content", Script((Say(WHOLE),), stop="refusal", usage=USAGE)),
    Case("silence before headers", Script((Stall(),)), limits=SHORT),
    Case("silence after headers", Script((Start(), Stall()), usage=USAGE), limits=SHORT),
    Case("silence in mid-stream", Script((Say(HALF, 1), Stall()), usage=USAGE), limits=SHORT),
    Case("too long in all", Script((Say(HALF, 1), Stall()), usage=USAGE), limits={"total_s": 1.0}),
    Case("reset after headers", Script((Start(), Cut()), usage=USAGE)),
    Case("reset in mid-stream", Script((Say(HALF, 1), GAP, Cut()), usage=USAGE)),
    Case("reset in a tool call", Script((Call("Bash", {"command": "ls"}), GAP, Cut()), usage=USAGE)),
    Case("end in mid-stream", Script((Say(HALF, 1), GAP, End()), usage=USAGE)),
    Case("body cut off in mid-stream", Script((Say(HALF, 1), GAP, End(clean=False)), usage=USAGE)),
    Case("error event before content", Script((Start(), Fault("overloaded_error", "busy")), usage=USAGE)),
    Case("error event in mid-stream", Script((Say(HALF, 1), GAP, Fault("overloaded_error", "busy")), usage=USAGE)),
    Case("api_error event in mid-stream", Script((Say(HALF, 1), GAP, Fault("api_error", "broke")), usage=USAGE)),
    Case("HTTP/2: REFUSED_STREAM", Script((Cut(),)), over="refused"),
    Case("HTTP/2: GOAWAY with an error before headers", Script((Cut(),)), over="goaway"),
    Case("HTTP/2: GOAWAY with an error in mid-stream", Script((Say(HALF, 1), GAP, Cut()), usage=USAGE), over="goaway"),
    Case("HTTP/2: GOAWAY without an error in a reply", GOOD, over="gentle"),
    Case("HTTP/2: connection lost before headers", Script((Cut(),)), over="lost"),
    Case("HTTP/2: connection lost in mid-stream", Script((Say(HALF, 1), GAP, Cut()), usage=USAGE), over="lost"),
)


@contextlib.asynccontextmanager
async def dead_ends(plain: str) -> AsyncIterator[Mapping[str, str]]:
    """Base URLs by `Case.place`. `plain` is a server without TLS."""
    with socket.socket() as closed, socket.socket() as full, contextlib.ExitStack() as callers:
        closed.bind(("127.0.0.1", 0))  # bound and never listening: refused, and nobody else gets the port
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        unsigned = await _unsigned()
        callers.callback(unsigned.close)
        for _ in range(4):  # its queue is full: further calls are not answered
            caller = callers.enter_context(socket.socket())
            caller.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                caller.connect(full.getsockname())
        await asyncio.sleep(0)
        yield {
            "refused": f"http://127.0.0.1:{closed.getsockname()[1]}",
            "nowhere": "http://no-such-host.invalid",
            "plain": plain.replace("http:", "https:"),
            "unsigned": f"https://127.0.0.1:{unsigned.sockets[0].getsockname()[1]}",
            "full": f"http://127.0.0.1:{full.getsockname()[1]}",
        }


async def _unsigned() -> asyncio.Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).with_name("self_signed.pem"))
    return await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)


def seen_by_client(answer: Answer, *, stream: bool) -> str:
    """In a few words. Fails when it is neither a whole answer nor an error that says so."""
    assert answer.complete, "the reply has no end"
    if answer.status != 200:
        final = ", final" if answer.header("x-should-retry") == "false" else ""
        return f"{answer.status} {answer.error[0]}{final}"
    if not stream:
        assert answer.json["type"] == "message", answer.body
        return _answer(_text(answer.json["content"]), answer.json["content"], answer.json["stop_reason"])
    events = events_of(answer.body)
    assert events, "an empty stream"
    names = [name for name, _ in events if name != "ping"]
    text = "".join(event["delta"].get("text", "") for name, event in events if name == "content_block_delta")
    if "error" in names:
        assert names.count("error") == 1, names
        assert names[-1] == "error", names
        assert "message_stop" not in names
        kind = dict(events)["error"]["error"]["type"]
        return f"{_so_far(text, names)}, then error {kind}"
    assert names[-1] == "message_stop", f"a stream without an end that says nothing: {names}"
    assert names.count("message_start") == names.count("message_stop") == 1
    blocks = [event["content_block"] for name, event in events if name == "content_block_start"]
    stop = next(event["delta"]["stop_reason"] for name, event in events if name == "message_delta")
    return _answer(text, blocks, stop)


def _answer(text: str, blocks: list[Any], stop: str) -> str:
    if not blocks or text == "":
        return f"an answer without content ({stop})"
    assert text == WHOLE, f"half an answer passed off as a whole one: {text!r}"
    return "the whole answer" + ("" if stop == "end_turn" else f" ({stop})")


def _so_far(text: str, names: list[str]) -> str:
    assert text in ("", HALF), f"a mixture: {text!r}"
    if text:
        return "half an answer"
    return "half a tool call" if "content_block_start" in names else "nothing yet"


def _text(content: list[dict[str, Any]]) -> str:
    return "".join(block.get("text", "") for block in content)


def events_of(body: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Every event with its data. Fails on anything else in the stream."""
    found = []
    for frame in body.decode().replace("\r\n", "\n").split("\n\n"):
        lines = [line for line in frame.split("\n") if line]
        if not lines:
            continue
        [name] = [line[7:] for line in lines if line.startswith("event: ")]
        data = "\n".join(line[5:].strip() for line in lines if line.startswith("data:"))
        found.append((name, json.loads(data)))
    return found
