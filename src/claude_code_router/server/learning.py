"""What a reply teaches: the counterpart of `server.facts`. In memory only, read again by the session's next request."""

from __future__ import annotations

from claude_code_router.core.attempt import Attempt
from claude_code_router.core.decision import Decision
from claude_code_router.core.signals import Signals
from claude_code_router.routing.signals import Reading
from claude_code_router.routing.stickiness import foregone_usd
from claude_code_router.routing.tokens import conversation_of
from claude_code_router.server.services import Services


def learn(last: Attempt, decision: Decision, signals: Signals, reading: Reading, services: Services) -> None:
    """`last`: the attempt that answered, be it the planned one or not. Without a report of its tokens nothing is learnt."""
    usage = last.usage
    if last.failure is not None or usage is None or usage.prompt_tokens == 0:
        return
    services.calibration.learn(signals.model, conversation_of(signals), reading.estimate, usage.prompt_tokens)
    services.sessions.remember(
        signals,
        last.target,
        usage,
        services.clock(),
        foregone_usd=foregone_usd(decision, last.target, signals.standing),
        stand_in=last.target != decision.route.first,
    )
