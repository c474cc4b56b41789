"""What is looked up before the rules are asked: all that they may know beyond the request's own bytes.

One function a source. Each answers the signals with its fact in them; the rules and the last word see nothing else, so that
a decision can be repeated from its record.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from claude_code_router.config.settings import Config
from claude_code_router.core.decision import Decision
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.signals import Signals
from claude_code_router.plugins.consult import consult
from claude_code_router.routing.difficulty import DifficultySettings, is_open
from claude_code_router.routing.engine import decide_beside
from claude_code_router.routing.hearing import WEEKDAYS, Circumstances, hear
from claude_code_router.routing.table import RoutingTable
from claude_code_router.server.escalating import with_trouble
from claude_code_router.server.services import Services

Read = Callable[[Inbound], Signals]


class Facts(msgspec.Struct, frozen=True):
    """All that a decision is made of."""

    inbound: Inbound
    """As it goes on: a custom router may have edited it."""
    signals: Signals
    table: RoutingTable


async def look_up(
    inbound: Inbound, signals: Signals, config: Config, services: Services, read: Read, *, ask: bool = True
) -> Facts:
    """`read` reads the facts of an edited request. Not `ask`: no model is asked for the decision's sake."""
    script = config.settings.custom_router
    if script is not None:
        inbound, signals = await consult(services.custom, script, inbound, signals, read)
    table = await services.overrides.table_for(signals.session, config)
    signals = _heard(signals, inbound, table, services)
    if table.learned is not None:
        signals = msgspec.structs.replace(signals, learned=services.learned.score(signals, table))
    if table.difficulty is not None:
        signals = await _rated(signals, table, table.difficulty, services, inbound.id if ask else "")
    if table.escalation is not None:
        signals = await with_trouble(signals, inbound, table.escalation, services)
    if table.sticky:
        signals = msgspec.structs.replace(signals, standing=services.sessions.recall(signals, services.clock()))
    return Facts(inbound, signals, table)


def _heard(signals: Signals, inbound: Inbound, table: RoutingTable, services: Services) -> Signals:
    if table.listening is None:
        return signals
    return hear(signals, inbound.header, table.listening, _circumstances(inbound, services))


async def _rated(
    signals: Signals, table: RoutingTable, settings: DifficultySettings, services: Services, parent: str
) -> Signals:
    """With a judge's rating where the rules leave open how hard the turn is. Without a `parent` only from memory."""
    if signals.kind == "user" and parent:
        cheap = decide_beside(signals, table, services.rules)
        wanted = isinstance(cheap, Decision) and is_open(signals, cheap, settings)
        rating = await services.judge.rate(signals, settings, parent) if wanted else None
    else:
        rating = services.judge.of_turn(signals)
    if rating is None:
        return signals
    return msgspec.structs.replace(signals, rating=rating, difficulty=rating.score)


def _circumstances(inbound: Inbound, services: Services) -> Circumstances:
    local = time.localtime(inbound.received_at)
    gate = services.gate
    return Circumstances(
        minute_of_day=local.tm_hour * 60 + local.tm_min,
        weekday=WEEKDAYS[local.tm_wday],
        spend_today_usd=gate.spending.spent_usd("", "day", inbound.received_at) if gate.counts_money else None,
    )
