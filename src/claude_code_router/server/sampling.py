"""Which of the requests are judged, and handing them over when they have ended. Nothing here waits."""

from __future__ import annotations

import asyncio

import msgspec

from claude_code_router.config.settings import Config
from claude_code_router.core.decision import Decision
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.record import Outcome, Record
from claude_code_router.core.signals import Signals
from claude_code_router.quality.inspector import Looked
from claude_code_router.quality.sampling import Draw
from claude_code_router.quality.scorer import Finished
from claude_code_router.routing.declared import tier_of
from claude_code_router.server.services import Services


def drawn(decision: Decision, signals: Signals, config: Config, services: Services) -> Draw | None:
    """Before the reply begins: of those that are not drawn no byte is kept."""
    quality = config.settings.quality
    if quality is None:
        return None
    tiers = config.table.tiers
    return services.scorer.draw(
        quality,
        signals,
        rule=decision.rule,
        scenario=decision.scenario,
        tier=tier_of(decision.route.first, tiers) if tiers else None,
        tiers=tiers,
    )


def hand_over(
    draw: Draw,
    record: Record,
    inbound: Inbound,
    reply_body: bytes | None,
    looked: asyncio.Future[Looked] | None,
    config: Config,
    services: Services,
) -> None:
    """What ended well goes to the scorer. `reply_body`: None when it was too long to keep. `looked`: what escalation finds
    of it."""
    quality, tiers = config.settings.quality, config.table.tiers
    delivered = record.outcome == Outcome.DELIVERED and record.status == 200
    if not delivered or not record.attempts or record.signals is None or record.decision is None:
        return
    if quality is None or reply_body is None:
        return
    last = record.attempts[-1]
    planned = tier_of(record.decision.route.first, tiers) if tiers else None
    if planned is None or record.tier != planned.name:
        # A fallback answered: no pair of the tiers that were drawn for.
        draw = msgspec.structs.replace(draw, pair_probability=0.0, pair_tier="")
    services.scorer.put(
        Finished(
            settings=quality,
            draw=draw,
            inbound=inbound,
            signals=record.signals,
            reply_body=reply_body,
            rule=record.decision.rule,
            tier=record.tier,
            target=last.target,
            cost_usd=services.expected_usd(last.target, last.usage) if last.usage else None,
            other_target=tiers[draw.pair_tier].targets[0] if draw.pair_tier else None,
            looked=looked,
            keep_bodies=config.settings.record_bodies,
        )
    )
