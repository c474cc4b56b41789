"""CPU of one whole decision with 100 declared rules: signals, what the rules listen for, verdicts. 100 kB body.
And of the label that a person's turn gets once, which its tool results have from memory.

uv run python benchmarks/rules_cost.py
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial

from claude_code_router.config.categories import shipped_model
from claude_code_router.config.load import load_text
from claude_code_router.core.inbound import Inbound
from claude_code_router.routing.categories import CategoryModel, label
from claude_code_router.routing.engine import decide
from claude_code_router.routing.hearing import Circumstances, hear
from claude_code_router.routing.signals import read_signals
from claude_code_router.routing.table import RoutingTable

ROUNDS = 400


def config_text(rules: int) -> str:
    """Rules of all sorts of which none applies: the dearest case."""
    forms = (
        lambda n: {"says": [f"keyword{n}", f"phrase number {n}", "architecture board"]},
        lambda n: {"tokens": {"over": 900_000 + n}, "kind": "user"},
        lambda n: {"matches": f"ticket-{n}[0-9]+"},
        lambda n: {
            "any": [{"offers_tool": f"mcp__{n}*"}, {"header": {"x-team": f"team{n}*"}}, {"project": f"/work/{n}/*"}]
        },
        lambda n: {"not": {"all": [{"stream": True}, {"model": ["claude*", f"gpt-{n}"]}]}, "language": "de"},
    )
    declared = [{"name": f"rule {n}", "when": forms[n % len(forms)](n), "use": "p,m"} for n in range(rules)]
    provider = {"name": "p", "api_base_url": "http://127.0.0.1:1/v1/messages", "models": ["m"]}
    return json.dumps({"Providers": [provider], "Router": {"default": "p,m"}, "Rules": declared, "Guards": {}})


def body(last_words: int) -> bytes:
    tool = "def work(a: int) -> int:\n    return a + 1\n" * 40
    text = "please look at the failing test and tell me what is wrong with it " * (last_words // 13)
    messages: list[object] = []
    while len(json.dumps(messages)) + len(text) < 60_000:
        messages.append(
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "Read", "input": {}}]}
        )
        messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": tool}]})
    messages.append({"role": "user", "content": [{"type": "text", "text": text}]})
    tools = [{"name": f"Tool{n}", "description": "d" * 700, "input_schema": {"type": "object"}} for n in range(30)]
    system = [{"type": "text", "text": "You are a helper.\nPrimary working directory: /home/me/x\n" + "s" * 15_000}]
    whole = {"model": "claude-opus-5-5", "stream": True, "messages": messages, "tools": tools, "system": system}
    return json.dumps(whole | {"max_tokens": 32_000}).encode()


def main() -> None:
    for words in (40, 400, 2_600):
        content = body(words)
        inbound = Inbound(
            id="r", path="/v1/messages", query="", headers=(), header={"x-team": "other"}, body=content, received_at=0.0
        )
        for rules in (0, 100):
            table = load_text(config_text(rules), "bench", {}).table
            median, best = _ms(partial(one, inbound, table))
            print(
                f"{len(content) / 1000:.0f} kB, last words {words}, {rules:>3} rules: {median:.3f} ms, at best {best:.3f} ms"
            )
        labels = partial(_labelled, read_signals(inbound).signals.last_user_text, shipped_model())
        median, best = _ms(labels)
        print(f"{len(content) / 1000:.0f} kB, last words {words}, a new label: {median:.3f} ms, at best {best:.3f} ms")


def _labelled(said: str, model: CategoryModel) -> None:
    label(said, model)


def one(inbound: Inbound, table: RoutingTable) -> None:
    signals = read_signals(inbound).signals
    if table.listening is not None:
        signals = hear(signals, inbound.header, table.listening, Circumstances(minute_of_day=600, weekday="mon"))
    decide(signals, table)


def _ms(work: Callable[[], None]) -> tuple[float, float]:
    """CPU time: the median of many rounds, and the best of them, which other load on the machine disturbs least."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time_ns()
        work()
        times.append(time.process_time_ns() - began)
    return sorted(times)[len(times) // 2] / 1e6, min(times) / 1e6


if __name__ == "__main__":
    main()
