"""Google's SDK and plain requests of its protocol at our own door: what the router says, and what it does not pass on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from google import genai
from google.genai import errors, types
from tests.e2e.house import House, house
from tests.e2e.pictures import png
from tests.e2e.wire import Answer, get, post

from claude_code_router.scripted.script import Call, Cut, Raw, Say, Script, Think
from claude_code_router.scripted.upstream import Seen, Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "AIzaTheRoutersOwn"
UPSTREAM_KEY = "AIzaGooglesOwn"
CHUNK = b'data: {"candidates":[{"content":{"parts":[{"text":"Once"}],"role":"model"},"index":0}]}\r\n\r\n'
ENDED = b'data: {"candidates":[{"finishReason":"STOP","index":0}]}\r\n\r\n'
CALL = Call("shell", {"command": "ls"}, id="call_1")


def answer(seen: Seen) -> Script:
    if b"break off in a chunk" in seen.body:
        return Script((Raw(CHUNK), Raw(CHUNK[:20]), Cut()))
    if b"garbage" in seen.body:
        return Script((Raw(CHUNK), Raw(b'data: {"candidates":\r\n\r\n'), Raw(ENDED)))
    if b"break off" in seen.body:
        return Script((Say("Once upon a", 3), Cut()))
    if b"tool_result" in seen.body or b"functionResponse" in seen.body:
        return Script((Say("Done."),))
    return Script((Think("Hm.", signature="c2ln"), CALL)) if b"use a tool" in seen.body else Script((Say("Hi.", 3),))


class Bench:
    def __init__(self, router: House, upstream: Upstream) -> None:
        self.router = router
        self.upstream = upstream
        self.http = httpx2.AsyncClient()
        options = types.HttpOptions(
            base_url=router.url, retry_options=types.HttpRetryOptions(attempts=1), httpx_async_client=self.http
        )
        self.sdk = genai.Client(api_key=KEY, http_options=options).aio

    async def post(self, method: str, body: dict[str, Any], query: str = "", key: str = KEY) -> Answer:
        path = f"/v1beta/models/{method}" + (f"?{query}" if query else "")
        return await post(self.router.url, json.dumps(body).encode(), {"x-goog-api-key": key} if key else {}, path=path)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with Upstream(answer) as upstream:
        content = {
            "LOG": False,
            "APIKEY": KEY,
            "RECORD_BODIES": True,
            "Providers": [
                {"name": "claude", "api_base_url": f"{upstream.url}/v1/messages", "api_key": "k",
                 "models": ["claude-opus-5-5", "claude-haiku-5-5"], "transformer": {"use": ["Anthropic"]}},
                {"name": "google", "api_base_url": f"{upstream.url}/v1beta/models/", "api_key": UPSTREAM_KEY,
                 "models": ["gemini-3.1-pro"], "transformer": {"use": ["gemini"]}},
            ],
            "Router": {"default": "claude,claude-haiku-5-5", "think": "claude,claude-opus-5-5",
                       "image": "google,gemini-3.1-pro"},
        }  # fmt: skip
        async with house(tmp_path_factory.mktemp("gemini"), content) as router:
            it = Bench(router, upstream)
            yield it
            await it.sdk.aclose()
            await it.http.aclose()


def says(text: str) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


async def test_the_same_rules_decide(bench: Bench) -> None:
    """By default, by how hard to think, by a picture, by name."""
    asked: list[tuple[Any, Any, str, str]] = [
        ("hi", None, "gemini-3.1-flash", "claude-haiku-5-5"),
        ("hi", types.ThinkingConfig(thinking_level=types.ThinkingLevel.XHIGH), "gemini-3.1-flash", "claude-opus-5-5"),
        (types.Part.from_bytes(data=png(), mime_type="image/png"), None, "gemini-3.1-flash", "gemini-3.1-pro"),
        ("hi", None, "google,gemini-3.1-pro", "gemini-3.1-pro"),
    ]
    for contents, thinking, model, target in asked:
        config = types.GenerateContentConfig(thinking_config=thinking)
        reply = await bench.sdk.models.generate_content(model=model, contents=contents, config=config)
        assert reply.text == "Hi."
        seen = bench.upstream.seen[-1]
        assert target in (seen.json.get("model") or seen.path), seen.path


async def test_a_session_of_googles_sdk(bench: Bench) -> None:
    """A chat's tool loop on Claude: its signed thinking comes back to it although no thoughts were asked for."""
    tool = types.Tool(function_declarations=[types.FunctionDeclaration(name="shell")])
    config = types.GenerateContentConfig(
        tools=[tool], automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True)
    )
    chat = bench.sdk.chats.create(model="claude,claude-opus-5-5", config=config)
    first = await chat.send_message("use a tool")
    [call] = first.function_calls or []
    assert (call.name, call.args) == ("shell", {"command": "ls"})
    assert not any(part.thought for part in first.parts or ())
    second = await chat.send_message(types.Part.from_function_response(name="shell", response={"result": "a.py"}))
    assert second.text == "Done."
    turns = bench.upstream.seen[-1].json["messages"]
    assert [block["type"] for block in turns[1]["content"]] == ["thinking", "tool_use"]
    assert (turns[1]["content"][0]["thinking"], turns[1]["content"][0]["signature"]) == ("Hm.", "c2ln")
    assert turns[2]["content"][0]["tool_use_id"] == turns[1]["content"][1]["id"]
    # The same conversation at Google's: the thinking stays behind, the call says whose it is not.
    moved = await bench.sdk.models.generate_content(
        model="google,gemini-3.1-pro", contents=chat.get_history(), config=config
    )
    assert moved.text == "Done."
    parts = bench.upstream.seen[-1].json["contents"][1]["parts"]
    assert [part["thoughtSignature"] for part in parts] == ["skip_thought_signature_validator"]


async def test_a_relay_keeps_every_byte(bench: Bench) -> None:
    """Google's own request goes to Google as it is, odd spaces and unknown fields and all. The key is for us alone."""
    odd = b'{ "contents": [{"parts":[{"text": "hi\\u00e4"}] , "role":"user"}],"tomorrows_field":1.0 }\n'
    path = f"/v1beta/models/google%2Cgemini-3.1-pro:streamGenerateContent?alt=sse&key={KEY}"
    reply = await post(
        bench.router.url, odd, {"content-type": "application/json", "x-goog-api-client": "gl-x"}, path=path
    )
    assert reply.status == 200
    assert reply.body.count(b"data: ") >= 3
    seen = bench.upstream.seen[-1]
    assert seen.body == odd
    assert (seen.path, seen.headers["x-goog-api-key"]) == (
        "/v1beta/models/gemini-3.1-pro:streamGenerateContent", UPSTREAM_KEY,
    )  # fmt: skip
    assert KEY not in str(seen)
    assert seen.headers["x-goog-api-client"] == "gl-x"


async def test_no_key_is_kept(bench: Bench) -> None:
    """Neither in the query nor in a header does the client's key reach the records, bodies included."""
    for query, key in ((f"key={KEY}", ""), ("", KEY)):
        reply = await bench.post("auto:generateContent", says("hi"), query, key)
        assert reply.status == 200, reply.body
        row = await bench.router.record(reply)
        assert (row["outcome"], row["stream"]) == ("delivered", 0)
    for name in bench.router.home.root.rglob("*"):
        assert not name.is_file() or name.name == "config.json" or KEY.encode() not in name.read_bytes(), name
    with closing(sqlite3.connect(bench.router.home.records)) as db:
        assert KEY not in "".join(db.iterdump())


@pytest.mark.parametrize("target", ["claude,claude-haiku-5-5", "google,gemini-3.1-pro"])
async def test_a_stream_without_alt_sse(bench: Bench, target: str) -> None:
    """Is one JSON array, as Google's is; broken off, it ends in the error."""
    reply = await bench.post(f"{target}:streamGenerateContent", says("hi"))
    assert (reply.header("content-type") or "").startswith("application/json")
    texts = [part["text"] for one in reply.json for part in one["candidates"][0]["content"]["parts"]]
    assert len(texts) >= 3
    assert "".join(texts) == "Hi."
    assert reply.json[-1]["candidates"][0]["finishReason"] == "STOP"
    broken = await bench.post(f"{target}:streamGenerateContent", says("break off"))
    assert broken.json[-1]["error"]["status"] == "UNAVAILABLE"


@pytest.mark.parametrize(("word", "status"), [("break off in a chunk", "UNAVAILABLE"), ("garbage", "INTERNAL")])
async def test_an_array_of_broken_chunks(bench: Bench, word: str, status: str) -> None:
    """What was half a chunk, or never was one, does not spoil the array: it is readable, and ends in one error."""
    broken = await bench.post("google,gemini-3.1-pro:streamGenerateContent", says(word))
    whole = [one for one in broken.json if "candidates" in one]
    assert whole[0]["candidates"][0]["content"]["parts"] == [{"text": "Once"}]
    assert [one["error"]["status"] for one in broken.json if "error" in one] == [status]
    assert "error" in broken.json[-1]


async def test_counting_tokens(bench: Bench) -> None:
    """Of a request, or of one wrapped as the SDK may; more words are more tokens."""
    short = await bench.sdk.models.count_tokens(model="auto", contents="hi there")
    long = await bench.post("auto:countTokens", {"generateContentRequest": says("word " * 500)})
    assert 0 < (short.total_tokens or 0) < 60 < long.json["totalTokens"] < 1200


async def test_the_list_of_models(bench: Bench) -> None:
    """The SDK lists the targets under names that it can ask for, with their limits."""
    listed = [model async for model in await bench.sdk.models.list()]
    assert [model.name for model in listed] == [
        "models/claude,claude-opus-5-5", "models/claude,claude-haiku-5-5", "models/google,gemini-3.1-pro",
    ]  # fmt: skip
    one = await bench.sdk.models.get(model=listed[2].name or "")
    assert (one.display_name, one.input_token_limit) == ("gemini-3.1-pro (google)", 1_048_576)
    reply = await bench.sdk.models.generate_content(model=listed[0].name or "", contents="hi")
    assert reply.model_version == "claude,claude-opus-5-5"


REFUSED: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("a wrong key", "auto:generateContent", says("hi"), 401, "UNAUTHENTICATED"),
    ("no contents", "auto:generateContent", {}, 400, "INVALID_ARGUMENT"),
    ("no such provider", "nobody,x:generateContent", says("hi"), 400, "FAILED_PRECONDITION"),
    ("no such method", "auto:embedContent", says("hi"), 404, "NOT_FOUND"),
    ("what only Google runs", "auto:generateContent", {**says("hi"), "tools": [{"codeExecution": {}}]}, 400,
     "INVALID_ARGUMENT"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("why", "method", "body", "status", "word"), REFUSED, ids=[case[0].replace(" ", "-") for case in REFUSED]
)
async def test_what_the_router_refuses(
    bench: Bench, why: str, method: str, body: dict[str, Any], status: int, word: str
) -> None:
    """In Google's envelope, with a sentence."""
    reply = await bench.post(method, body, key="wrong" if why == "a wrong key" else KEY)
    error = reply.json["error"]
    assert (reply.status, error["code"], error["status"]) == (status, status, word)
    assert len(error["message"]) > 15


async def test_the_sdk_reads_our_refusals(bench: Bench) -> None:
    """As its own exceptions."""
    with pytest.raises(errors.ClientError, match="no provider") as refused:
        await bench.sdk.models.generate_content(model="nobody,x", contents="hi")
    assert refused.value.status == "FAILED_PRECONDITION"


async def test_other_verbs(bench: Bench) -> None:
    """A model's method is posted to."""
    reply = await get(bench.router.url, "/v1beta/models/auto:generateContent", {"x-goog-api-key": KEY})
    assert (reply.status, reply.json["error"]["code"]) == (405, 400)
