"""Counts for `GET /metrics`, from each record after its request has ended. A few dictionary steps an entry.

The number of series is bounded: providers, models, tiers and namespaces are those of the config; whatever else a client or an
upstream may have named is `other`.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping

from claude_code_router.config.settings import Config
from claude_code_router.core.attempt import Attempt
from claude_code_router.core.record import Outcome, Record
from claude_code_router.core.score import Score
from claude_code_router.core.target import Target
from claude_code_router.core.usage import Usage
from claude_code_router.routing.table import SCENARIOS
from claude_code_router.store.row import Entry, Price

OTHER = "other"
SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Upper bounds of the histograms' buckets."""
_KINDS: Mapping[str, Callable[[Usage], int]] = {
    "input": lambda usage: usage.input_tokens,
    "cache_read": lambda usage: usage.cache_read_tokens,
    "cache_write": lambda usage: usage.cache_write_tokens,
    "output": lambda usage: usage.output_tokens,
}

Labels = tuple[str, ...]


class Histogram:
    def __init__(self) -> None:
        self.buckets = [0] * (len(SECONDS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        self.buckets[bisect.bisect_left(SECONDS, seconds)] += 1
        self.sum += seconds


class Counters:
    """Since the start. `put` from the event loop's thread."""

    def __init__(self, config: Callable[[], Config], price: Price) -> None:
        self.requests: dict[Labels, int] = {}
        """By namespace, purpose, scenario, tier, provider, model, outcome."""
        self.cost_usd: dict[Labels, float] = {}
        """By namespace, purpose, provider, model."""
        self.tokens: dict[Labels, int] = {}
        """By provider, model, kind."""
        self.attempts: dict[Labels, int] = {}
        """By provider, model, failure (`none` without one)."""
        self.fallbacks: dict[Labels, int] = {}
        """By namespace, tier of who answered."""
        self.first_content: dict[Labels, Histogram] = {}
        """By namespace, tier: seconds; clients' requests only. So the next."""
        self.whole: dict[Labels, Histogram] = {}
        self.scores: dict[Labels, tuple[int, float]] = {}
        """By kind of judge: how many, and their sum."""
        self._config = config
        self._price = price

    def put(self, entry: Entry) -> None:
        match entry:
            case Record():
                self._record(entry)
            case Score():
                count, total = self.scores.get((entry.by,), (0, 0.0))
                self.scores[entry.by,] = (count + 1, total + entry.value)

    def _record(self, record: Record) -> None:
        config = self._config()
        namespace = record.signals.namespace if record.signals else ""
        namespace = namespace if not namespace or namespace in config.namespaces else OTHER
        tier = self._tier(record.tier, namespace, config)
        scenario = record.decision.scenario if record.decision else ""
        scenario = scenario if not scenario or scenario in SCENARIOS else OTHER
        last = record.attempts[-1].target if record.attempts else None
        purpose = record.purpose.value
        target = _named(last, config)
        _more(self.requests, (namespace, purpose, scenario, tier, *target, record.outcome.value))
        for attempt in record.attempts:
            self._attempt(attempt, namespace, purpose, config)
        if purpose != "client":
            return
        first = record.decision.route.first if record.decision else None
        if last is not None and last != first and record.outcome == Outcome.DELIVERED:
            _more(self.fallbacks, (namespace, tier))
        if record.first_event_ms is not None:
            self.first_content.setdefault((namespace, tier), Histogram()).add(record.first_event_ms / 1000)
        self.whole.setdefault((namespace, tier), Histogram()).add(record.total_ms / 1000)

    def _attempt(self, attempt: Attempt, namespace: str, purpose: str, config: Config) -> None:
        target = _named(attempt.target, config)
        failure = attempt.failure.kind.value if attempt.failure else "none"
        _more(self.attempts, (*target, failure))
        if attempt.usage is None:
            return
        for kind, count in _KINDS.items():
            _more(self.tokens, (*target, kind), count(attempt.usage))
        cost = self._price(attempt)
        if cost is not None:
            key = (namespace, purpose, *target)
            self.cost_usd[key] = self.cost_usd.get(key, 0.0) + cost

    def _tier(self, tier: str, namespace: str, config: Config) -> str:
        lane = config.namespaces.get(namespace)
        table = lane.config.table if lane else config.table
        return tier if not tier or tier in table.tiers else OTHER


def _named(target: Target | None, config: Config) -> tuple[str, str]:
    """The provider and the model, as far as the config knows them."""
    if target is None:
        return "", ""
    provider = config.providers.get(target.provider)
    if provider is None:
        return OTHER, OTHER
    return target.provider, target.model if target.model in provider.models else OTHER


def _more(counts: dict[Labels, int], key: Labels, by: int = 1) -> None:
    counts[key] = counts.get(key, 0) + by
