"""Up a tier because of quality: turns of a session in trouble, and the plan for replies that are held. Pure; what was found
of earlier replies arrives as facts (`signals.trouble`, `signals.escalation_today_usd`)."""

from __future__ import annotations

import msgspec

from claude_code_router.core.decision import Choose, Decision, Pass
from claude_code_router.core.escalation import Escalation, EscalationSettings, Hold, Which
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.routing.declared import Tier, tier_of
from claude_code_router.routing.guards import fits
from claude_code_router.routing.table import RoutingTable

RULE = "escalation"
HOLD = "hold"
AFTERWARDS = frozenset({RULE, HOLD})
"""The names of what is said here, behind the rules' own verdicts."""

_TURNS = frozenset({"user", "tool_result"})
_OWN_WORD = frozenset({"explicit", "subagentTag", "custom"})
"""Who names a target outright is taken at his word."""
_WISHES = frozenset({"default", "think", "subagent"})
"""Task types that say what would be good; the others say what is needed, or that little is."""


def raised(decision: Decision, signals: Signals, table: RoutingTable) -> Decision:
    """One tier up, while the session is in trouble."""
    trouble = signals.trouble
    if trouble is None or table.escalation is None or signals.kind not in _TURNS:
        return decision
    if decision.rule in _OWN_WORD or decision.scenario not in _WISHES:
        return _noted(decision, RULE, f"{trouble.because}, but the rule {decision.rule} is followed at any price")
    own = tier_of(decision.route.first, table.tiers)
    short = table.tiers.get(trouble.tier) or own
    if own is None or short is None:
        return _noted(decision, RULE, f"{trouble.because}, but {decision.route.first} is in no tier")
    since = f"{trouble.because}; {trouble.good_turns} of {table.escalation.good_turns} good turns since"
    stronger = next_up(short, signals, table, decision.route.first)
    if stronger is None:
        return _noted(decision, RULE, f"{since}; above {short.name} there is nothing that can take this request")
    tier, targets = stronger
    if own.rank >= tier.rank:
        return _noted(decision, RULE, f"{since}; {decision.route.first} is {own.name} already")
    route = Route(tuple(dict.fromkeys((*targets, *decision.route.targets))))
    because = f"{since}: up from {own.name} to {tier.name}"
    verdict = Choose(RULE, route, because, decision.scenario)
    return msgspec.structs.replace(
        decision, route=route, rule=RULE, because=because, verdicts=(*decision.verdicts, verdict)
    )


def planned(decision: Decision, signals: Signals, table: RoutingTable) -> Decision:
    """With the plan for a reply that is to be held, or why it is not."""
    settings = table.escalation
    if settings is None or settings.hold is None or signals.kind not in _TURNS:
        return decision
    own = tier_of(decision.route.first, table.tiers)
    stronger = next_up(own, signals, table, decision.route.first) if own else None
    why_not = _not_held(settings, decision, signals, own)
    if why_not or own is None or stronger is None:
        return _noted(decision, HOLD, f"it is not held: {why_not or f'above {decision.route.first} there is no tier'}")
    tier, targets = stronger
    hold = settings.hold
    plan = Escalation(tier=own.name, to=tier.name, targets=targets, check=hold.check, hold_s=hold.hold_s)
    decision = _noted(decision, HOLD, _said(plan, hold, settings, signals))
    return msgspec.structs.replace(decision, escalation=plan)


def looked_at_afterwards(decision: Decision, signals: Signals, table: RoutingTable) -> bool:
    """Its reply is looked at after it has left."""
    settings = table.escalation
    if settings is None or settings.next_turn is None or signals.kind not in _TURNS:
        return False
    own = tier_of(decision.route.first, table.tiers)
    return not _excluded(settings.next_turn.which, decision, signals, own) and not _spent(settings, signals)


def next_up(
    tier: Tier, signals: Signals, table: RoutingTable, besides: Target
) -> tuple[Tier, tuple[Target, ...]] | None:
    """The weakest tier above it that has a target for this request."""
    for above in sorted((one for one in table.tiers.values() if one.rank > tier.rank), key=lambda one: one.rank):
        targets = tuple(one for one in above.targets if one != besides and _can_take(one, signals, table))
        if targets:
            return above, targets
    return None


def _can_take(target: Target, signals: Signals, table: RoutingTable) -> bool:
    """What is not known is not held against it."""
    blind = signals.images and table.card_of(target).vision is False
    return not blind and fits(target, signals, table) is not False


def _not_held(settings: EscalationSettings, decision: Decision, signals: Signals, own: Tier | None) -> str:
    assert settings.hold is not None
    if decision.rule in _OWN_WORD:
        return f"the rule {decision.rule} is taken at its word"
    if signals.trouble is not None and decision.rule == RULE:
        return "this turn has gone up already"
    return _excluded(settings.hold.which, decision, signals, own) or _spent(settings, signals)


def _excluded(which: Which, decision: Decision, signals: Signals, own: Tier | None) -> str:
    for word, found, wanted in (
        ("rule", decision.rule, which.rules),
        ("tier", own.name if own else "", which.tiers),
        ("task type", decision.scenario, which.scenarios),
        ("category", signals.category, which.categories),
    ):
        if wanted and found not in wanted:
            return f"its {word} is {found or 'not known'}, and {' or '.join(wanted)} is asked for"
    return ""


def _spent(settings: EscalationSettings, signals: Signals) -> str:
    spent, limit = signals.escalation_today_usd or 0.0, settings.a_day_usd
    return "" if limit is None or spent < limit else f"${spent:.2f} of ${limit:.2f} a day are spent on escalation"


def _said(plan: Escalation, hold: Hold, settings: EscalationSettings, signals: Signals) -> str:
    judge = str(plan.check.judge[0]) if plan.check.judge else ""
    looked = f"checked, then judged by {judge} (good from {plan.check.accept_from:g})" if judge else "checked"
    money = "" if settings.a_day_usd is None else f" of ${settings.a_day_usd:.2f}"
    return (
        f"the reply of {plan.tier} is held for at most {hold.hold_s:g} s and {looked} within {plan.check.wait_s:g} s; "
        f"if it falls short {plan.to} answers ({plan.targets[0]}); "
        f"${signals.escalation_today_usd or 0.0:.2f}{money} spent on that today"
    )


def _noted(decision: Decision, name: str, because: str) -> Decision:
    return msgspec.structs.replace(decision, verdicts=(*decision.verdicts, Pass(name, because)))
