from __future__ import annotations

from claude_code_router.core.decision import Choose, Pass, Verdict
from claude_code_router.core.rating import Rating
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route
from claude_code_router.routing.difficulty import RULE
from claude_code_router.routing.table import RoutingTable


def difficulty(signals: Signals, table: RoutingTable) -> Verdict:
    """The tier whose band the judge's score is in. Asked only where there is a judge (`Difficulty`)."""
    settings, rating = table.difficulty, signals.rating
    if settings is None or rating is None:
        return Pass(RULE, "no judge was asked how hard it is")
    if rating.score is None:
        learned = table.learned is not None and table.learned.live and signals.learned is not None
        tier = None if learned else table.tiers.get(settings.default)
        why = f"the difficulty is not known: {rating.why}{_price(rating)}"
        return (
            Pass(RULE, why)
            if tier is None
            else Choose(RULE, Route(tier.targets), f"{why}; by default it is {tier.name}")
        )
    rated = f"{rating.judge} rates its difficulty {rating.score:.2f}{_price(rating)}"
    found = settings.band(rating.score)
    if found is None:
        return Pass(RULE, f"{rated}, and there are no bands")
    begins, band = found
    # As wide as the bands are: up to the first bound, or over the bound before.
    span = f"{begins:g} to {band.up_to:g}"
    return Choose(RULE, Route(table.tiers[band.tier].targets), f"{rated}: {band.tier} takes {span}")


def _price(rating: Rating) -> str:
    if rating.from_memory:
        return f" (asked by another, {rating.duration_ms:,.0f} ms)" if rating.duration_ms else " (remembered)"
    if not rating.question:
        return ""
    cost = f", ${rating.cost_usd:.5f}" if rating.cost_usd is not None else ""
    return f" (asked in {rating.duration_ms:,.0f} ms{cost})"
