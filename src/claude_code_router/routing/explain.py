"""A decision in words: the same for the terminal, the log and whatever else shows it."""

from __future__ import annotations

from claude_code_router.core.decision import Choose, Decision, Pass, Refuse, Verdict
from claude_code_router.core.rating import Rating
from claude_code_router.core.signals import Signals
from claude_code_router.routing.conditions import counted
from claude_code_router.routing.escalation import HOLD
from claude_code_router.routing.escalation import RULE as ESCALATION
from claude_code_router.routing.guards import GUARD
from claude_code_router.routing.stickiness import RULE as STICKINESS
from claude_code_router.routing.verdict import ROUNDED_FROM_TOKENS, shown


def explain(decision: Decision, signals: Signals) -> str:
    """What was asked, who answers and why, and what every rule said in its order."""
    lines = [
        f"asked for   {shown(signals.model)}",
        f"request     {_request(signals)}",
        *_rating_line(signals.rating),
        f"goes to     {decision.route}",
        f"because     {decision.because} (rule {decision.rule}, scenario {decision.scenario})",
        "",
        *verdict_lines(decision.verdicts),
    ]
    return "\n".join(lines)


def explain_shadow(shadow: Decision | str, live: Decision | None) -> str:
    """What the shadow rules would have done, `shadow` being their refusal when it is a text."""
    if isinstance(shadow, str):
        return f"shadow      would have refused: {shadow}"
    same = live is not None and shadow.route.first == live.route.first
    where = f"agrees on {shadow.route.first}" if same else f"would have gone to {shadow.route}"
    return f"shadow      {where}: {shadow.because} (rule {shadow.rule}, scenario {shadow.scenario})"


def _rating_line(rating: Rating | None) -> list[str]:
    """What was asked of a judge, and what that took, apart from the request itself."""
    if rating is None:
        return []
    said = f"{rating.score:.2f} of 1" if rating.score is not None else f"not known: {rating.why}"
    asked = f"judge {rating.judge}, prompt {rating.prompt}"
    if rating.question:
        cost = "cost not known" if rating.cost_usd is None else f"${rating.cost_usd:.5f}"
        return [f"difficulty  {said} ({asked}, {rating.duration_ms:,.0f} ms, {cost}, recorded as {rating.question})"]
    if rating.from_memory and rating.duration_ms:
        return [f"difficulty  {said} ({asked}, asked by another request, {rating.duration_ms:,.0f} ms)"]
    return [f"difficulty  {said} ({asked}{', remembered' if rating.from_memory else ''})"]


def verdict_lines(verdicts: tuple[Verdict, ...]) -> list[str]:
    lines, decided = [], False
    width = max((len(verdict.rule) for verdict in verdicts), default=0)
    for place, verdict in enumerate(verdicts, start=1):
        mark = " "
        if verdict.rule == HOLD:
            said = verdict.because
        elif verdict.rule.startswith(GUARD) or verdict.rule in (STICKINESS, ESCALATION):
            mark = " " if isinstance(verdict, Pass) else "!"
            said = f"lets it be: {verdict.because}" if isinstance(verdict, Pass) else f"overrules: {_said(verdict)}"
        elif not isinstance(verdict, Pass) and not decided:
            mark, decided = "→", True
            said = _said(verdict)
        elif isinstance(verdict, Pass):
            said = f"passed: {verdict.because}"
        else:
            said = f"too late; it would have said {_said(verdict)}"
        lines.append(f"{mark} {place:>2} {verdict.rule:<{width}}  {said}")
    return lines


def _said(verdict: Verdict) -> str:
    match verdict:
        case Choose():
            return f"{verdict.route}: {verdict.because}"
        case Refuse():
            return f"no: {verdict.because}"
        case Pass():
            return f"passed: {verdict.because}"


def _request(signals: Signals) -> str:
    facts = [
        signals.kind.replace("_", " "),
        f"{'about ' if signals.tokens >= ROUNDED_FROM_TOKENS else ''}{counted(signals.tokens, 'token')}",
        counted(signals.turns, "message"),
        counted(len(signals.tools), "tool"),
    ]
    if signals.category:
        facts.append(f"category {signals.category}")
    if signals.subagent:
        facts.append(f"subagent {shown(signals.agent_type)}".rstrip())
    if signals.thinking:
        budget = f" {signals.thinking_budget:,}" if signals.thinking_budget is not None else ""
        facts.append(f"thinking {shown(signals.thinking)}{budget}")
    if signals.effort:
        facts.append(f"effort {shown(signals.effort)}")
    facts += [word for word, holds in _flags(signals) if holds]
    return ", ".join(facts)


def _flags(signals: Signals) -> tuple[tuple[str, bool], ...]:
    return (
        ("ultrathink", signals.ultrathink),
        ("plan mode", signals.plan_mode),
        ("images", signals.images),
        ("streamed", signals.stream),
    )
