"""Escalation at the door: the facts before the decision, and what is looked back at when the reply has left."""

from __future__ import annotations

import asyncio

import msgspec

from claude_code_router.core.attempt import Attempt
from claude_code_router.core.decision import Decision
from claude_code_router.core.errors import RouterError
from claude_code_router.core.escalation import Check, EscalationSettings, Stall, StallLimit, Trouble
from claude_code_router.core.failure import FailureKind
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.record import ANSWERED, Outcome
from claude_code_router.core.signals import Signals
from claude_code_router.core.usage import Usage
from claude_code_router.delivery.client_side import CLIENT_SIDES
from claude_code_router.delivery.deliver import Delivery
from claude_code_router.quality.afterwards import Discarded, Left
from claude_code_router.quality.inspector import Looked
from claude_code_router.quality.settings import JudgeSettings, QualitySettings
from claude_code_router.quality.stall import stall_of
from claude_code_router.routing.declared import tier_of
from claude_code_router.routing.escalation import looked_at_afterwards
from claude_code_router.routing.table import RoutingTable
from claude_code_router.routing.tokens import conversation_of
from claude_code_router.server.services import Services

_USUAL_OUTPUT_TOKENS = 1_000


async def with_trouble(signals: Signals, inbound: Inbound, settings: EscalationSettings, services: Services) -> Signals:
    """The signals with what is known of their session, and of today's cost."""
    known = services.escalations
    conversation, stalled = _conversation(signals), None
    if settings.stall is not None and _may_stall(signals, inbound, settings.stall):  # else nothing is decoded
        stall = await asyncio.to_thread(_stall, inbound)
        if stall is not None and stall.errors >= settings.stall.errors:
            stalled = Trouble(because=_why(stall))
            known.troubles.fell_short(conversation, stalled, at_once=settings.stall.inside_loop)
    trouble = known.troubles.recall(conversation, user_turn=signals.kind == "user")
    if trouble is None and settings.stall is not None and settings.stall.inside_loop:
        trouble = stalled  # a request that names no session tells all of its turn itself
    return msgspec.structs.replace(
        signals,
        trouble=trouble,
        escalation_today_usd=known.ledger.today_usd(signals.namespace),
    )


def _conversation(signals: Signals) -> str:
    """Clients of two namespaces may name their sessions alike. Empty when there is none."""
    conversation = conversation_of(signals)
    return f"{signals.namespace}/{conversation}" if conversation else ""


def _may_stall(signals: Signals, inbound: Inbound, limit: StallLimit) -> bool:
    if signals.tool_errors:
        return True
    return not _marks_errors(inbound) and signals.kind == "tool_result" and signals.tool_depth >= limit.errors


def _marks_errors(inbound: Inbound) -> bool:
    """Of the others only some of Google's clients do."""
    return inbound.dialect == "anthropic"


def _stall(inbound: Inbound) -> Stall | None:
    try:
        chat = CLIENT_SIDES[inbound.dialect].decode_request(inbound.body)
        return stall_of(chat, errors_are_marked=_marks_errors(inbound))
    except RouterError:
        return None


def _why(stall: Stall) -> str:
    tool = stall.tool[:80]
    said = (
        f"the tool {tool} failed with the same error"
        if stall.marked
        else f"the same call of {tool} had the same result"
    )
    return f"{said} {stall.errors} times in one turn"


def keeps_reply(decision: Decision, signals: Signals, table: RoutingTable) -> bool:
    """The reply is looked at when it has left, so that it must be in memory until then."""
    if table.escalation is None:
        return False
    in_play = decision.escalation is not None or signals.trouble is not None
    return in_play or looked_at_afterwards(decision, signals, table)


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """One request whose reply has left."""

    inbound: Inbound
    signals: Signals
    decision: Decision
    table: RoutingTable
    body: bytes
    """As the client got it."""
    quality: QualitySettings | None = None


def look_back(delivery: Delivery, answered: Answered, services: Services) -> asyncio.Future[Looked] | None:
    """Hands a whole reply on to be looked at in the background; tells what will be found. None: nobody looks."""
    decision, signals, table = answered.decision, answered.signals, answered.table
    settings = table.escalation
    if settings is None or delivery.outcome not in ANSWERED:
        return None
    last = delivery.attempts[-1]
    tier = tier_of(last.target, table.tiers)
    found = delivery.inspection
    known = None
    if found is not None and delivery.outcome != Outcome.ESCALATED:
        final = last.stop_reason != "tool_use"
        known = Looked(good=found.good, because=found.because, scores=found.scores, final=final)
    comparing = _comparing(decision, answered.quality)
    looked: asyncio.Future[Looked] = asyncio.get_running_loop().create_future()
    services.escalations.afterwards.put(
        Left(
            inbound=answered.inbound,
            signals=signals,
            body=answered.body if known is None else b"",
            conversation=_conversation(signals),
            rule=decision.rule,
            tier=tier.name if tier else "",
            top=tier is None or all(one.rank <= tier.rank for one in table.tiers.values()),
            target=last.target,
            check=_check(decision, settings),
            enough=settings.good_turns,
            cost_usd=_usd(last, services),
            discarded=_discarded(delivery, decision, services, compared=comparing is not None),
            comparing=comparing,
            known=known,
            looked=looked,
        )
    )
    return looked


def reserved(decision: Decision, signals: Signals, services: Services) -> float:
    """US dollars that are set aside for a reply that is to be held: what the answer in its place would cost. 0 when it is not
    held, or no price is known. Give it back to the ledger when the request has ended."""
    plan = decision.escalation
    if plan is None:
        return 0.0
    output_tokens = min(signals.max_tokens or _USUAL_OUTPUT_TOKENS, _USUAL_OUTPUT_TOKENS)
    usage = Usage(input_tokens=signals.tokens, output_tokens=output_tokens)
    usd = services.expected_usd(plan.targets[0], usage) or 0.0
    services.escalations.ledger.reserve(signals.namespace, usd)
    return usd


def count_money(delivery: Delivery, signals: Signals, services: Services) -> None:
    """What was asked because a reply fell short; the judging has been counted already."""
    at = _short_at(delivery)
    if at is not None:
        for attempt in delivery.attempts[at + 1 :]:
            services.escalations.ledger.spent(signals.namespace, _usd(attempt, services))


def _check(decision: Decision, settings: EscalationSettings) -> Check:
    """The same for a reply that came instead of another one: values of two judges cannot be compared."""
    if decision.escalation is not None:
        return decision.escalation.check
    return settings.next_turn.check if settings.next_turn is not None else Check()


def _discarded(delivery: Delivery, decision: Decision, services: Services, *, compared: bool) -> Discarded | None:
    at = _short_at(delivery)
    if at is None or delivery.inspection is None or delivery.outcome != Outcome.ESCALATED:
        return None
    short = delivery.attempts[at]
    return Discarded(
        tier=decision.escalation.tier if decision.escalation else "",
        target=short.target,
        scores=delivery.inspection.scores,
        cost_usd=_usd(short, services),
        body=delivery.inspection.short if compared else b"",
    )


def _comparing(decision: Decision, quality: QualitySettings | None) -> JudgeSettings | None:
    """Where pairs are compared, these are too: by one of the judges of the replies, for the money of `Quality`."""
    plan = decision.escalation
    if quality is None or quality.judge is None or plan is None or not plan.check.judge:
        return None
    if not quality.pairs.up and not quality.pairs.down:
        return None
    return msgspec.structs.replace(quality.judge, targets=plan.check.judge, tier=plan.check.judge_tier)


def _short_at(delivery: Delivery) -> int | None:
    kinds = [attempt.failure.kind if attempt.failure else None for attempt in delivery.attempts]
    return kinds.index(FailureKind.FELL_SHORT) if FailureKind.FELL_SHORT in kinds else None


def _usd(attempt: Attempt, services: Services) -> float | None:
    return services.expected_usd(attempt.target, attempt.usage) if attempt.usage else None
