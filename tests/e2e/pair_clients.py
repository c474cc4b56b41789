"""Four official SDKs as clients of the router, each telling what it heard in one form. They are the judges: what they cannot
read, or read otherwise than it was meant, is wrong."""

from __future__ import annotations

import base64
import json
from typing import Any, Protocol

import anthropic
import httpx2
import msgspec
import openai
from google import genai
from google.genai import errors as google_errors
from google.genai import types
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from tests.e2e.pictures import png

PICTURE = base64.b64encode(png()).decode()
SCHEMA = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
NAME = "search"


class Heard(msgspec.Struct, kw_only=True):
    text: str
    thinking: str
    calls: list[tuple[str, Any]]
    stop: str
    """In Anthropic's words, as far as the dialect tells them apart."""
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    said: Any
    """The assistant's turn as this client sends it back."""


class PairClient(Protocol):
    errors: tuple[type[Exception], ...]
    bad_request: type[Exception]

    async def ask(self, model: str, *, stream: bool, max_tokens: int = 100) -> Heard: ...

    async def go_on(self, model: str, before: Heard, *, stream: bool) -> Heard:
        """Answers the first call with a picture and the second with an error."""

    async def close(self) -> None: ...


class AnthropicClient:
    bad_request = anthropic.BadRequestError
    errors = (anthropic.APIError,)

    def __init__(self, url: str) -> None:
        self._sdk = anthropic.AsyncAnthropic(base_url=url, api_key="dummy", max_retries=0)
        self._tools: Any = [{"name": NAME, "input_schema": SCHEMA}]

    async def close(self) -> None:
        await self._sdk.close()

    async def ask(self, model: str, *, stream: bool, max_tokens: int = 100) -> Heard:
        return await self._post(model, [{"role": "user", "content": "hi"}], stream, max_tokens)

    async def go_on(self, model: str, before: Heard, *, stream: bool) -> Heard:
        ids = [block["id"] for block in before.said if block["type"] == "tool_use"]
        picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}
        results = [
            {"type": "tool_result", "tool_use_id": ids[0], "content": [{"type": "text", "text": "seen"}, picture]},
            {"type": "tool_result", "tool_use_id": ids[1], "content": "it is gone", "is_error": True},
        ]
        messages = [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": before.said},
            {"role": "user", "content": results},
        ]
        return await self._post(model, messages, stream, 100)

    async def _post(self, model: str, messages: Any, stream: bool, max_tokens: int) -> Heard:
        asked: dict[str, Any] = {"model": model, "max_tokens": max_tokens, "messages": messages, "tools": self._tools}
        if stream:
            async with self._sdk.messages.stream(**asked) as events:
                async for _ in events:
                    pass
                message: Any = await events.get_final_message()
        else:
            message = await self._sdk.messages.create(**asked)
        blocks = message.content
        usage = message.usage
        cached = usage.cache_read_input_tokens or 0
        return Heard(
            text="".join(block.text for block in blocks if block.type == "text"),
            thinking="".join(block.thinking for block in blocks if block.type == "thinking"),
            calls=[(block.name, block.input) for block in blocks if block.type == "tool_use"],
            stop=message.stop_reason,
            prompt_tokens=usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0),
            cached_tokens=cached,
            output_tokens=usage.output_tokens,
            said=[block.to_dict() for block in blocks],
        )


_CHAT_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


class ChatClient:
    bad_request = openai.BadRequestError
    errors = (openai.APIError,)

    def __init__(self, url: str) -> None:
        self._sdk = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="dummy", max_retries=0)
        self._tools: Any = [{"type": "function", "function": {"name": NAME, "parameters": SCHEMA}}]

    async def close(self) -> None:
        await self._sdk.close()

    async def ask(self, model: str, *, stream: bool, max_tokens: int = 100) -> Heard:
        return await self._post(model, [{"role": "user", "content": "hi"}], stream, max_tokens)

    async def go_on(self, model: str, before: Heard, *, stream: bool) -> Heard:
        ids = [call["id"] for call in before.said["tool_calls"]]
        picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
        messages = [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "hi"},
            before.said,
            {"role": "tool", "tool_call_id": ids[0], "content": [{"type": "text", "text": "seen"}]},
            {"role": "tool", "tool_call_id": ids[1], "content": "it is gone"},
            {"role": "user", "content": [picture]},
        ]
        return await self._post(model, messages, stream, 100)

    async def _post(self, model: str, messages: Any, stream: bool, max_tokens: int) -> Heard:
        asked: dict[str, Any] = {
            "model": model, "max_completion_tokens": max_tokens, "messages": messages, "tools": self._tools,
        }  # fmt: skip
        if not stream:
            done: Any = await self._sdk.chat.completions.create(**asked)
            ChatCompletion.model_validate(done.to_dict(warnings=False))
            return self._heard(done, done.choices[0].message)
        thought: list[str] = []
        async with self._sdk.chat.completions.stream(**asked, stream_options={"include_usage": True}) as events:
            async for event in events:
                if event.type == "chunk":
                    ChatCompletionChunk.model_validate(event.chunk.to_dict(warnings=False))
                    deltas = [choice.delta for choice in event.chunk.choices]
                    thought += [getattr(delta, "reasoning_content", None) or "" for delta in deltas]
            done = await events.get_final_completion()
        message = done.choices[0].message
        return msgspec.structs.replace(self._heard(done, message), thinking="".join(thought))

    def _heard(self, done: Any, message: Any) -> Heard:
        calls = message.tool_calls or []
        said: dict[str, Any] = {"role": "assistant", "content": message.content}
        if calls:
            said["tool_calls"] = [
                {
                    "id": c.id,
                    "type": "function",
                    "function": {"name": c.function.name, "arguments": c.function.arguments},
                }
                for c in calls
            ]
        details = done.usage.prompt_tokens_details
        return Heard(
            text=message.content or "",
            thinking=getattr(message, "reasoning_content", None) or "",
            calls=[(call.function.name, json.loads(call.function.arguments)) for call in calls],
            stop=_CHAT_STOPS[done.choices[0].finish_reason],
            prompt_tokens=done.usage.prompt_tokens,
            cached_tokens=details.cached_tokens if details else 0,
            output_tokens=done.usage.completion_tokens,
            said=said,
        )


_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


class ResponsesClient:
    bad_request = openai.BadRequestError
    errors = (openai.APIError, RuntimeError)

    def __init__(self, url: str) -> None:
        self._sdk = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="dummy", max_retries=0)
        self._tools: Any = [{"type": "function", "name": NAME, "parameters": SCHEMA, "strict": False}]

    async def close(self) -> None:
        await self._sdk.close()

    async def ask(self, model: str, *, stream: bool, max_tokens: int = 100) -> Heard:
        return await self._post(model, [{"role": "user", "content": "hi"}], stream, max_tokens)

    async def go_on(self, model: str, before: Heard, *, stream: bool) -> Heard:
        ids = [item["call_id"] for item in before.said if item["type"] == "function_call"]
        picture = {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}", "detail": "auto"}
        results = [
            {
                "type": "function_call_output",
                "call_id": ids[0],
                "output": [{"type": "input_text", "text": "seen"}, picture],
            },
            {"type": "function_call_output", "call_id": ids[1], "output": "it is gone"},
        ]
        items = [{"role": "user", "content": "hi"}, *before.said, *results]
        return await self._post(model, items, stream, 100)

    async def _post(self, model: str, items: Any, stream: bool, max_tokens: int) -> Heard:
        asked: dict[str, Any] = {
            "model": model, "max_output_tokens": max_tokens, "input": items, "tools": self._tools, "store": False,
            "instructions": "Be kind.", "include": ["reasoning.encrypted_content"],
        }  # fmt: skip
        if stream:
            numbers: list[int] = []
            done: Any = None
            async with self._sdk.responses.stream(**asked) as events:
                async for event in events:
                    numbers.append(event.sequence_number)
                    if not hasattr(event, "snapshot"):
                        _EVENT.validate_python(event.to_dict(warnings=False))
                    if event.type in ("response.failed", "error"):
                        raise RuntimeError(str(event))
                    if event.type in ("response.completed", "response.incomplete"):
                        done = event.response
            assert done is not None, "the stream ended without an end"
            assert numbers == sorted(set(numbers)), f"sequence numbers {numbers}"
        else:
            done = await self._sdk.responses.create(**asked)
        whole = done.to_dict(warnings=False)
        for item in whole["output"]:
            item.pop("parsed", None)
            for part in item.get("content") or []:
                part.pop("parsed", None)
            item.pop("parsed_arguments", None)
        Response.model_validate(whole)
        calls = [item for item in whole["output"] if item["type"] == "function_call"]
        thoughts = [part["text"] for item in whole["output"] if item["type"] == "reasoning" for part in item["summary"]]
        reason = (whole.get("incomplete_details") or {}).get("reason")
        stop = {"max_output_tokens": "max_tokens", "content_filter": "refusal"}.get(reason or "", "")
        return Heard(
            text=done.output_text,
            thinking="".join(thoughts),
            calls=[(call["name"], json.loads(call["arguments"])) for call in calls],
            stop=stop or ("tool_use" if calls else "end_turn"),
            prompt_tokens=whole["usage"]["input_tokens"],
            cached_tokens=whole["usage"]["input_tokens_details"]["cached_tokens"],
            output_tokens=whole["usage"]["output_tokens"],
            said=whole["output"],
        )


class GeminiClient:
    bad_request = google_errors.ClientError
    errors = (google_errors.APIError, google_errors.UnknownApiResponseError)

    def __init__(self, url: str) -> None:
        self._http = httpx2.AsyncClient()  # with aiohttp, its other choice, 3.4.0 warns of itself
        options = types.HttpOptions(
            base_url=url, retry_options=types.HttpRetryOptions(attempts=1), httpx_async_client=self._http
        )
        self._sdk = genai.Client(api_key="dummy", http_options=options)
        self._tools: list[Any] = [
            types.Tool(function_declarations=[types.FunctionDeclaration(name=NAME, parameters_json_schema=SCHEMA)])
        ]

    async def close(self) -> None:
        await self._sdk.aio.aclose()
        await self._http.aclose()

    async def ask(self, model: str, *, stream: bool, max_tokens: int = 100) -> Heard:
        return await self._post(model, [_content("user", types.Part(text="hi"))], stream, max_tokens)

    async def go_on(self, model: str, before: Heard, *, stream: bool) -> Heard:
        ids = [part.function_call.id for part in before.said.parts if part.function_call]
        picture = types.FunctionResponsePart(
            inline_data=types.FunctionResponseBlob(mime_type="image/png", data=base64.b64decode(PICTURE))
        )
        results = [
            types.FunctionResponse(id=ids[0], name=NAME, response={"output": "seen"}, parts=[picture]),
            types.FunctionResponse(id=ids[1], name=NAME, response={"error": "it is gone"}),
        ]
        answers = [types.Part(function_response=result) for result in results]
        contents = [_content("user", types.Part(text="hi")), before.said, _content("user", *answers)]
        return await self._post(model, contents, stream, 100)

    async def _post(self, model: str, contents: list[Any], stream: bool, max_tokens: int) -> Heard:
        config = types.GenerateContentConfig(
            max_output_tokens=max_tokens,
            tools=self._tools,
            system_instruction="Be kind.",
            thinking_config=types.ThinkingConfig(include_thoughts=True),
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )
        models = self._sdk.aio.models
        if stream:
            chunks = await models.generate_content_stream(model=model, contents=contents, config=config)
            replies = [chunk async for chunk in chunks]
        else:
            replies = [await models.generate_content(model=model, contents=contents, config=config)]
        candidates = [candidate for reply in replies for candidate in reply.candidates or ()]
        parts = [part for one in candidates if one.content for part in one.content.parts or ()]
        calls = [part.function_call for part in parts if part.function_call]
        finish = [one.finish_reason for one in candidates if one.finish_reason]
        assert len(finish) == 1, f"finish reasons {finish}"
        usage = replies[-1].usage_metadata
        assert usage is not None
        stop = {"STOP": "end_turn", "MAX_TOKENS": "max_tokens", "SAFETY": "refusal"}[finish[0].value]
        return Heard(
            text="".join(part.text or "" for part in parts if not part.thought),
            thinking="".join(part.text or "" for part in parts if part.thought),
            calls=[(call.name or "", call.args) for call in calls],
            stop="tool_use" if calls and stop == "end_turn" else stop,
            prompt_tokens=usage.prompt_token_count or 0,
            cached_tokens=usage.cached_content_token_count or 0,
            output_tokens=(usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
            said=_content("model", *parts),
        )


def _content(role: str, *parts: types.Part) -> types.Content:
    return types.Content(role=role, parts=list(parts))


CLIENTS: dict[str, Any] = {
    "anthropic": AnthropicClient,
    "openai_chat": ChatClient,
    "openai_responses": ResponsesClient,
    "gemini": GeminiClient,
}
