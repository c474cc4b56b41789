"""What a client writes for one Claude, relayed to another: never refused. The judge's rules are the API's, written down apart
from the cards (LiteLLM 1.109.1's flags and Anthropic's model pages, 2026-11)."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.catalog.cards import OwnCard
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.target import Target
from claude_code_router.delivery.exchange import exchange_for
from claude_code_router.providers.provider import Provider
from claude_code_router.routing.signals import read_signals

LEVELS = ["low", "medium", "high", "xhigh", "max"]
# model: thinking forms, effort levels, output cap, sampling, prefill, forced tool, system turns, turn settings, fast
CLAUDES: dict[str, tuple[str, list[str], int, bool, bool, bool, bool, bool, bool]] = {
    "claude-3-5-haiku-20241022": ("", [], 8192, True, True, True, False, False, False),
    "claude-haiku-4-5-20251001": ("ed", [], 64_000, True, True, True, False, False, False),
    "claude-sonnet-4-5": ("ed", [], 64_000, True, True, True, False, False, False),
    "claude-opus-4-5": ("ed", LEVELS[:3], 64_000, True, True, True, False, False, False),
    "claude-sonnet-4-6": ("aed", [*LEVELS[:3], "max"], 128_000, True, False, True, False, False, False),
    "claude-opus-4-7": ("ad", LEVELS, 128_000, False, False, True, False, False, False),
    "claude-opus-4-8": ("ad", LEVELS, 128_000, False, False, True, True, False, True),
    "claude-sonnet-5": ("ad", LEVELS, 128_000, False, False, True, True, False, False),
    "claude-fable-5-1": ("a", LEVELS, 128_000, False, False, False, True, False, False),
    "claude-opus-5-5": ("a", LEVELS, 128_000, False, False, False, True, True, True),
    "claude-sonnet-5-5": ("ab", LEVELS, 128_000, False, False, False, True, True, False),
    "claude-haiku-5-5": ("ad", LEVELS, 128_000, False, False, True, True, True, False),
}
FORMS = {"a": "adaptive", "e": "enabled", "d": "disabled", "b": "between_tools"}
SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ls"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "a"}
TOOLS = [{"name": "Bash", "input_schema": {"type": "object"}}]


def refusals(model: str, body: dict[str, Any]) -> list[str]:
    """Why the API would answer 400."""
    letters, levels, cap, sampling, prefill, forced, system, settings, fast = CLAUDES[model]
    messages = body["messages"]
    thinking = body.get("thinking", {"type": ""})
    said = [f"max_tokens: {body['max_tokens']} > {cap}"] if body["max_tokens"] > cap else []
    if thinking["type"] and thinking["type"] not in [FORMS[letter] for letter in letters]:
        said.append(f"thinking.type {thinking['type']}")
    manual = thinking["type"] == "enabled"
    if manual and not 1024 <= thinking["budget_tokens"] < body["max_tokens"]:
        said.append("budget_tokens")
    if manual and turn_opens_with(messages) not in ("thinking", ""):
        said.append("Expected `thinking`, found `tool_use`")
    choice = body.get("tool_choice", {}).get("type", "")
    if choice in ("any", "tool") and (manual or not forced):
        said.append("forced tool")
    if not set(body.get("output_config", {}).get("effort", "").split()) <= set(levels):
        said.append("effort")
    if not sampling and body.keys() & {"temperature", "top_p", "top_k"}:
        said.append("sampling")
    if not prefill and messages[-1]["role"] == "assistant":
        said.append("prefill")
    if not system and any(message["role"] == "system" for message in messages):
        said.append("Unexpected role system")
    if not settings and any("output_config" in message for message in messages):
        said.append("messages.output_config: Extra inputs")
    if "speed" in body and not fast:
        said.append("speed")
    edits = body.get("context_management", {}).get("edits", [])
    if edits and thinking["type"] not in ("enabled", "adaptive", "between_tools"):
        said.append("clear_thinking without thinking")
    return said


def turn_opens_with(messages: list[dict[str, Any]]) -> str:
    """The first block of the assistant's turn that a tool result goes on with."""
    kinds: list[str] = []
    for message in messages:
        own = [block["type"] for block in message["content"]] if isinstance(message["content"], list) else ["text"]
        if message["role"] == "user" and "tool_result" not in own:
            kinds = []
        elif message["role"] == "assistant":
            kinds += own
    return kinds[0] if kinds and messages[-1]["role"] == "user" else ""


def relayed(body: dict[str, Any], target: str, headers: tuple[tuple[bytes, bytes], ...] = (), **own: Any) -> Any:
    sent = json.dumps(body, indent=1).encode()
    inbound = Inbound(id="req_1", path="/v1/messages", query="", headers=headers, header={}, body=sent, received_at=0.0)
    provider = Provider(name="p", url="https://api.anthropic.com/v1/messages", dialect="anthropic", **own)
    return exchange_for(inbound, read_signals(inbound).signals, Target("p", target), provider).request


def body_for(asked: str, **more: Any) -> dict[str, Any]:
    """As Claude Code 2.1.330 writes it for this family."""
    letters, levels, cap, *_, settings, _ = CLAUDES[asked]
    body: dict[str, Any] = {
        "model": asked,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "system": [{"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330.abc;"}],
        "tools": TOOLS,
        "max_tokens": cap,
        "stream": True,
    }
    if "a" in letters:
        body["thinking"] = {"type": "adaptive", "display": "updates"}
    elif "e" in letters:
        body["thinking"] = {"type": "enabled", "budget_tokens": 31_999, "display": "updates"}
    if "thinking" in body:
        body["context_management"] = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
    if levels:
        body["output_config"] = {"effort": levels[-1]}
    if settings:
        body["messages"].append({"role": "system", "content": "env", "output_config": {"effort": "max"}})
    return {**body, **more}


PAIRS = list(itertools.product(CLAUDES, CLAUDES))


@pytest.mark.parametrize(("asked", "target"), PAIRS)
def test_a_main_request_of_one_is_taken_by_the_other(asked: str, target: str) -> None:
    """Thinking that was on stays on where the model can think, and the conversation is all there."""
    body = body_for(asked)
    assert refusals(asked, body) == []
    found = json.loads(relayed(body, target).body)
    assert refusals(target, found) == []
    assert found["model"] == target
    thinks = "thinking" in body and any(letter in CLAUDES[target][0] for letter in "ae")
    assert (found.get("thinking", {}).get("type") in ("adaptive", "enabled")) == thinks
    assert "hi" in json.dumps(found["messages"])
    assert "env" in json.dumps(found["messages"]) or not CLAUDES[asked][-2]


@pytest.mark.parametrize(("asked", "target"), PAIRS)
def test_what_the_other_takes_is_not_touched(asked: str, target: str) -> None:
    """Byte for byte, but for the model."""
    body = body_for(asked)
    body["model"] = target
    if refusals(target, body):
        return
    as_it_was = json.dumps(body, indent=1).encode()
    body["model"] = asked
    assert relayed(body, target).body == as_it_was


def test_its_own_name_leaves_a_request_alone() -> None:
    """Who names the model knows it, and gets its own refusal; the owner's word on it counts all the same."""
    body = body_for("claude-opus-5-5", model="claude-haiku-4-5")
    assert relayed(body, "claude-haiku-4-5").body == json.dumps(body, indent=1).encode()
    found = json.loads(
        relayed(body, "claude-haiku-4-5", cards={"claude-haiku-4-5": OwnCard(max_output_tokens=5000)}).body
    )
    assert (found["max_tokens"], found["thinking"]["budget_tokens"]) == (5000, 4999)


def test_the_long_context_beta_goes_where_the_window_is_the_old_one() -> None:
    """Other betas stay, and it stays where it is known."""
    betas = b"effort-2025-11-24,context-1m-2025-08-07,claude-code-20250219"
    body = body_for("claude-sonnet-4-6")
    old = dict(relayed(body, "claude-haiku-4-5", ((b"anthropic-beta", betas),)).headers)
    assert old["anthropic-beta"] == "effort-2025-11-24,claude-code-20250219"
    new = dict(relayed(body, "claude-opus-4-6", ((b"anthropic-beta", betas),)).headers)
    assert new["anthropic-beta"] == betas.decode()
    alone = relayed(body, "claude-haiku-4-5", ((b"anthropic-beta", b"context-1m-2025-08-07"),)).headers
    assert "anthropic-beta" not in dict(alone)


def turns(*, signed: bool, begun: bool, prefilled: bool) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "go"}]
    if begun:
        messages.append({"role": "assistant", "content": [*([SIGNED] if signed else []), CALL]})
        messages.append({"role": "user", "content": [RESULT]})
        messages.append({"role": "assistant", "content": [{**CALL, "id": "toolu_2"}]})
        messages.append({"role": "user", "content": [{**RESULT, "tool_use_id": "toolu_2"}]})
    if prefilled:
        messages.append({"role": "assistant", "content": [{"type": "text", "text": "So"}]})
    return messages


@given(
    target=st.sampled_from(list(CLAUDES)),
    thinking=st.sampled_from(
        [None, {"type": "adaptive"}, {"type": "disabled"}, {"type": "between_tools"},
         {"type": "enabled", "budget_tokens": 2000}, {"type": "enabled", "budget_tokens": 100_000}]
    ),
    max_tokens=st.sampled_from([200_000, 9_000, 1_024, 64]),
    effort=st.sampled_from([None, *LEVELS]),
    choice=st.sampled_from([None, "auto", "any", "tool", "none"]),
    messages=st.builds(turns, signed=st.booleans(), begun=st.booleans(), prefilled=st.booleans()),
    more=st.sets(st.sampled_from(["temperature", "top_k", "speed", "context_management"])),
)  # fmt: skip
def test_any_request_is_taken(
    target: str, thinking: Any, max_tokens: int, effort: str | None, choice: str | None, messages: Any, more: set[str]
) -> None:
    """Whatever a client may have written for some model or other: what comes out keeps the rules, and every turn."""
    fields = {"temperature": 1, "top_k": 5, "speed": "fast"}
    body: dict[str, Any] = {"model": "some-claude", "messages": messages, "tools": TOOLS, "max_tokens": max_tokens}
    body |= {name: fields[name] for name in more if name in fields}
    if thinking and thinking["type"] == "enabled" and thinking["budget_tokens"] >= min(max_tokens, 200_000):
        thinking = {"type": "enabled", "budget_tokens": max(1024, max_tokens - 1)}
        body["max_tokens"] = max(max_tokens, 2000)
    if thinking and thinking["type"] == "enabled" and choice in ("any", "tool"):
        choice = "auto"
    if thinking:
        body["thinking"] = thinking
    if thinking and thinking["type"] != "disabled" and "context_management" in more:
        body["context_management"] = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
    if effort:
        body["output_config"] = {"effort": effort}
    if choice:
        body["tool_choice"] = {"type": choice, **({"name": "Bash"} if choice == "tool" else {})}
    found = json.loads(relayed(body, target).body)
    assert refusals(target, found) == []
    assert found["messages"][: len(messages)] == messages
