from __future__ import annotations

from claude_code_router.core.decision import Choose, Pass, Verdict
from claude_code_router.core.learned_score import LearnedScore
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route
from claude_code_router.routing.difficulty import LEARNED
from claude_code_router.routing.table import RoutingTable


def learned(signals: Signals, table: RoutingTable) -> Verdict:
    """The tier that was learnt to be good enough. In shadow it says what it would have chosen, and leaves the choice to the
    rules behind it."""
    settings, found = table.learned, signals.learned
    if settings is None or found is None:
        return Pass(LEARNED, "nothing was learnt that scores this request")
    tier = table.tiers.get(found.tier)
    if tier is None:
        return Pass(LEARNED, f"{worded(found)}, but no tier is called {found.tier}")
    if not settings.live:
        return Pass(LEARNED, f"{worded(found)}; it runs in shadow and does not decide")
    return Choose(LEARNED, Route(tier.targets), worded(found))


def worded(found: LearnedScore) -> str:
    by = {"words": "its words", "facts": "its facts", "table": "its kind of task"}.get(found.method, found.method)
    pays = "more than the" if found.gain > found.needed else "not more than the"
    return f"by {by} the stronger tier gains {found.gain:.3f}, {pays} {found.needed:.3f} that pay for it: {found.tier}"
