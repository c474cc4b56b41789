"""The test bench: patterns of requests through a routing table, and what the result shows of the table. Nothing is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from claude_code_router.core.decision import Choose, Decision
from claude_code_router.core.errors import BadRequest, Refused
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.routing.bench_patterns import Pattern
from claude_code_router.routing.engine import CLASSIC_RULES, Rule, decide
from claude_code_router.routing.hearing import Circumstances, hear
from claude_code_router.routing.signals import read_signals
from claude_code_router.routing.table import RoutingTable

_FILLER = "def work(items: list[int]) -> int:\n    return sum(item * 2 for item in items)\n\n"
_FILLER_TOKENS = 25
_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_NOON = Circumstances(minute_of_day=720, weekday="wed")
"""Rules that ask for the time are tested at one time, so that a run is the same at night."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    inbound: Inbound
    expect: str = ""
    """A target, a rule or a tier that the decision must have; empty: any."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    signals: Signals | None = None
    decision: Decision | None = None
    refused: str = ""
    """Why there is no decision."""
    problems: tuple[str, ...] = ()
    """What makes a run fail."""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    outcomes: tuple[Outcome, ...]
    never_hit: tuple[str, ...]
    """Declared rules that decided no request."""
    only_default: tuple[str, ...]
    """Requests that nothing but `default` took."""
    missing: tuple[str, ...]
    """Targets of the table whose provider or model the config does not have."""

    @property
    def failed(self) -> bool:
        return bool(self.missing) or any(outcome.problems for outcome in self.outcomes)


Known = Callable[[Signals], Signals]
"""Adds facts that are not in a request's bytes: its namespace, its category."""


def run(
    cases: Iterable[Case],
    table: RoutingTable,
    rules: Sequence[Rule] = CLASSIC_RULES,
    known: Known = lambda signals: signals,
) -> Findings:
    outcomes = tuple(_outcome(case, table, rules, known) for case in cases)
    decisions = [outcome.decision for outcome in outcomes if outcome.decision]
    hit = {decision.rule for decision in decisions} | {_first_choice(decision) for decision in decisions}
    refused = " ".join(outcome.refused for outcome in outcomes)
    hit |= {one.name for one in table.declared if one.refuse and one.refuse in refused}
    by_default = [outcome for outcome in outcomes if outcome.decision and _first_choice(outcome.decision) == "default"]
    return Findings(
        outcomes=outcomes,
        never_hit=tuple(one.name for one in table.declared if one.name not in hit),
        only_default=tuple(outcome.name for outcome in by_default),
        missing=tuple(sorted({_absence(target, table) for target in _targets(table)} - {""})),
    )


def _first_choice(decision: Decision) -> str:
    """The rule that chose, whatever a guard then said."""
    return next(verdict.rule for verdict in decision.verdicts if isinstance(verdict, Choose))


def _outcome(case: Case, table: RoutingTable, rules: Sequence[Rule], known: Known) -> Outcome:
    try:
        signals = known(read_signals(case.inbound).signals)
    except BadRequest as error:
        return Outcome(name=case.name, refused=str(error), problems=(str(error),))
    if table.listening is not None:
        signals = hear(signals, case.inbound.header, table.listening, _NOON)
    try:
        decision = decide(signals, table, rules)
    except Refused as error:
        declared = any(one.refuse and one.refuse in str(error) for one in table.declared)
        wanted = (declared and case.expect in ("", "refused")) or case.expect == "refused"
        return Outcome(name=case.name, signals=signals, refused=str(error), problems=() if wanted else (str(error),))
    return Outcome(name=case.name, signals=signals, decision=decision, problems=_unexpected(case, decision, table))


def _unexpected(case: Case, decision: Decision, table: RoutingTable) -> tuple[str, ...]:
    tier = table.tiers.get(case.expect)
    names = {"", str(decision.route.first), decision.rule, decision.scenario}
    if case.expect in names or (tier and decision.route.first in tier.targets):
        return ()
    return (f"expected {case.expect}, but {decision.rule} sends it to {decision.route.first}",)


def _targets(table: RoutingTable) -> Iterable[Target]:
    yield from table.scenarios.values()
    for chain in table.fallback.values():
        yield from chain
    for tier in table.tiers.values():
        yield from tier.targets
    for use in (*table.aliases.values(), *(share.use for one in table.declared for share in one.shares)):
        yield from use.targets


def _absence(target: Target, table: RoutingTable) -> str:
    listed = table.models.get(target.provider)
    if listed is None:
        return f"{target}: there is no provider {target.provider}"
    return "" if not listed or target.model in listed else f"{target}: {target.provider} does not list this model"


def changes(before: Findings, after: Findings) -> list[tuple[str, str, str]]:
    """Name, decision before and decision after of every request that would go elsewhere, or by another rule."""
    was = {outcome.name: shown(outcome) for outcome in before.outcomes}
    return [
        (outcome.name, was.get(outcome.name, "-"), shown(outcome))
        for outcome in after.outcomes
        if was.get(outcome.name) != shown(outcome)
    ]


def shown(outcome: Outcome) -> str:
    if outcome.decision is None:
        return f"refused: {outcome.refused}"
    return f"{outcome.decision.route.first} ({outcome.decision.rule})"


def case_of(pattern: Pattern) -> Case:
    headers = {"content-type": "application/json", "user-agent": _AGENTS[pattern.client], **pattern.headers}
    openai = pattern.client == "openai"
    body = _openai_body(pattern) if openai else _body(pattern)
    path = "/v1/chat/completions" if openai else "/v1/messages"
    return Case(name=pattern.name, inbound=inbound_of(body, headers, path))


_AGENTS: Mapping[str, str] = {
    "claude-code": "claude-cli/2.1.330 (external, cli)",
    "sdk": "Anthropic/Python 2.3.0",
    "openai": "OpenAI/Python 3.1.0",
}


def inbound_of(body: Mapping[str, Any], headers: Mapping[str, str], path: str = "/v1/messages") -> Inbound:
    return Inbound(
        id="bench",
        path=path,
        query="",
        headers=tuple((name.encode(), value.encode()) for name, value in headers.items()),
        header={name.lower(): value for name, value in headers.items()},
        body=msgspec.json.encode(body),
        received_at=0.0,
        dialect="openai_chat" if path.endswith("/chat/completions") else "anthropic",
    )


def _body(pattern: Pattern) -> dict[str, Any]:
    prompt: list[dict[str, Any]] = [{"type": "text", "text": pattern.says}]
    if pattern.image:
        prompt.insert(0, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": _PIXEL}})
    if pattern.pdf:
        source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x" * 2_000}
        prompt.insert(0, {"type": "document", "source": source})
    messages: list[dict[str, Any]] = []
    if pattern.tokens:
        messages.append({"role": "user", "content": _FILLER * (pattern.tokens // _FILLER_TOKENS)})
        messages.append({"role": "assistant", "content": "I have read it."})
    messages.append({"role": "user", "content": prompt})
    for number, step in enumerate(pattern.loop):
        call = {"type": "tool_use", "id": f"toolu_{number}", "name": step.rstrip("!"), "input": {}}
        result = {
            "type": "tool_result",
            "tool_use_id": f"toolu_{number}",
            "content": "done",
            "is_error": step.endswith("!"),
        }
        messages += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    tools = [{"name": name, "description": name, "input_schema": {"type": "object"}} for name in pattern.tools]
    tools += pattern.more.get("tools", [])
    whole = {"model": pattern.model, "max_tokens": 8_192, "stream": True, "messages": messages, **pattern.more}
    if pattern.client == "claude-code":
        whole["metadata"] = {"user_id": msgspec.json.encode({"session_id": f"bench-{pattern.name}"}).decode()}
    return whole | ({"tools": tools} if tools else {}) | ({"system": pattern.system} if pattern.system else {})


def _openai_body(pattern: Pattern) -> dict[str, Any]:
    return {"model": "gpt-5.6", "messages": [{"role": "user", "content": pattern.says}], "stream": True}
