"""Small conversations to judge."""

import msgspec

from claude_code_router.core.chat import ChatRequest, Text, Tool, Turn
from claude_code_router.core.reply import Reply, ToolCall

READ = Tool(
    name="Read",
    schema=msgspec.Raw(
        b'{"type":"object","properties":{"file_path":{"type":"string"},"limit":{"type":"integer"},'
        b'"modes":{"type":"array","items":{"enum":["r","w"]}}},"required":["file_path"],"additionalProperties":false}'
    ),
)


def asked(text: str = "Explain it.", *, tools: tuple[Tool, ...] = (), max_tokens: int | None = 4096) -> ChatRequest:
    return ChatRequest(
        model="m",
        system=(Text("You are SYSTEM-PROMPT."),),
        turns=(Turn("user", (Text(text),)),),
        tools=tools,
        max_tokens=max_tokens,
    )


def said(text: str, stop_reason: str = "end_turn") -> Reply:
    return Reply(text=text, stop_reason=stop_reason)


def called(name: str, json: str, stop_reason: str = "tool_use") -> Reply:
    return Reply(calls=(ToolCall("t1", name, json),), stop_reason=stop_reason)
