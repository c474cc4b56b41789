"""What it cost, and what it would have cost otherwise. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from claude_code_router.catalog.prices import Rates
from claude_code_router.core.target import Target
from claude_code_router.core.usage import Usage
from claude_code_router.improve.report.figures import (
    Always,
    CacheLoss,
    Costs,
)
from claude_code_router.improve.report.gathered import (
    Gathered,
)
from claude_code_router.improve.report.sums import Key, Sum
from claude_code_router.quality.intervals import mean_of_sums


def costs_of(gathered: Gathered, groups: Sequence[tuple[Key, Sum]]) -> Costs:
    paid = sum(one.paid for _, one in groups)
    total = math.fsum(one.cost_usd for _, one in groups)
    always = []
    for tier in sorted(gathered.tiers.values(), key=lambda tier: -tier.rank):
        rates = gathered.rates_of(tier.targets[0])
        costs = [_elsewhere(one, rates) if rates else None for _, one in groups if one.priced]
        known = [cost for cost in costs if cost is not None]
        always.append(
            Always(
                tier=tier.name,
                target=str(tier.targets[0]),
                cost_usd=math.fsum(known) if known and len(known) == len(costs) else None,
            )
        )
    return Costs(
        requests=paid,
        unpriced=sum(one.used - one.priced for _, one in groups),
        cost_usd=total if paid else None,
        per_request=mean_of_sums(paid, total, math.fsum(one.cost_squares for _, one in groups)) if paid else None,
        always=tuple(always),
    )


def _elsewhere(one: Sum, rates: Rates) -> float | None:
    """The same tokens at one model for all: what was written anew after a switch would have been read from its cache."""
    each = _mean_usage(one, rewritten_is_read=True)
    cost = rates.cost_usd(each)
    return None if cost is None else cost * one.priced


def _mean_usage(one: Sum, *, rewritten_is_read: bool) -> Usage:
    """Of a group's requests: rates that go by a prompt's length see its typical length, not the sum."""
    moved = one.rewritten if rewritten_is_read else 0
    share = 1 - moved / one.write if one.write else 1.0
    return Usage(
        input_tokens=round(one.uncached / one.used),
        cache_read_tokens=round((one.read + moved) / one.used),
        cache_write_tokens=round((one.write - moved) / one.used),
        cache_write_1h_tokens=round(one.write_1h * share / one.used),
        output_tokens=round(one.output / one.used),
    )


def cache_loss(gathered: Gathered, groups: Sequence[tuple[Key, Sum]]) -> CacheLoss:
    lost: list[float | None] = []
    for key, one in groups:
        if one.rewritten:
            rates = gathered.rates_of(Target(*key.by.split(",", 1)))
            written = rates.cost_usd(Usage(cache_write_tokens=one.rewritten // one.switches)) if rates else None
            read = rates.cost_usd(Usage(cache_read_tokens=one.rewritten // one.switches)) if rates else None
            lost.append(None if written is None or read is None else (written - read) * one.switches)
    known = [usd for usd in lost if usd is not None]
    return CacheLoss(
        switches=sum(one.switches for _, one in groups),
        tokens=sum(one.rewritten for _, one in groups),
        cost_usd=math.fsum(known) if len(known) == len(lost) else None,
    )
