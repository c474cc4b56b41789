"""What a report says, as values: `ccr report --format json` prints them. Money in USD, times in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from claude_code_router.quality.bands import Band
from claude_code_router.quality.intervals import Estimate
from claude_code_router.quality.misses import Misses

Verdict = Literal["better", "worse", "no clear change", "not enough"]


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """Nearest ranks; the median's interval by the ranks around it."""

    p50: Estimate
    p95: float
    p99: float


class TierLine(msgspec.Struct, frozen=True, kw_only=True):
    tier: str
    """Of who answered; empty: in no tier."""
    requests: int
    share: Estimate
    cost_usd: float | None
    """None here and below: no price is known of what was used."""
    first: Percentiles | None
    """From arrival to the first content."""
    total: Percentiles | None


class ModelLine(msgspec.Struct, frozen=True, kw_only=True):
    """`model` as `provider,model`: the last that was tried."""

    model: str
    requests: int
    failed: Estimate
    fallbacks: int
    """Of its requests, those that another target had been the first choice for."""
    cost_usd: float | None


class Always(msgspec.Struct, frozen=True, kw_only=True):
    """The same requests, all sent to one tier."""

    tier: str
    target: str
    cost_usd: float | None
    """None: a price is missing."""


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    requests: int
    """Those whose price is known, which the figures are about."""
    unpriced: int
    """With usage, and without a known price."""
    cost_usd: float | None
    per_request: Estimate | None
    always: tuple[Always, ...]


class CacheLoss(msgspec.Struct, frozen=True, kw_only=True):
    """Turns that came from another model while the conversation's cache was warm there."""

    switches: int
    tokens: int
    """Written again, though they were warm elsewhere."""
    cost_usd: float | None
    """What writing them cost more than reading them would have; None: a price is missing."""


class QualityLine(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    mean: Estimate | None
    n: int


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """What the router asked for its own sake."""

    purpose: str
    questions: int
    cost_usd: float | None


class Dimension(msgspec.Struct, frozen=True, kw_only=True):
    """One side of how well it goes, against the period before."""

    name: Literal["speed", "quality", "cost", "trouble"]
    figure: str
    unit: Literal["ms", "usd", "share", "score"]
    now: Estimate | None
    before: Estimate | None
    change: Estimate | None
    verdict: Verdict


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One miss, and why it is worth looking at."""

    id: str
    other_id: str
    kind: Literal["under-routed", "over-routed"]
    at: float
    namespace: str
    category: str
    rule: str
    because: str
    """Why it was routed so."""
    told: str
    """What happened, and what the other tier did."""
    text: str
    """How the request begins, redacted; empty where bodies are not kept."""


class DayLine(msgspec.Struct, frozen=True, kw_only=True):
    since: float
    """Unix seconds."""
    requests: int
    failed: int
    cost_usd: float | None
    by_tier: Mapping[str, int]


class HeavyShare(msgspec.Struct, frozen=True, kw_only=True):
    """Of the requests that a tier answered."""

    tier: str
    share: Estimate | None
    before: Estimate | None
    band: Band | None
    side: str
    """below, above, or empty: inside, not to be told, or there is no band."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    since: float
    """Unix seconds."""
    until: float
    namespace: str | None
    """None: all of them."""
    by: str
    """What `groups` are split by."""
    requests: int
    before_requests: int
    """In the period of the same length before."""
    dimensions: tuple[Dimension, ...]
    misses: Misses
    heavy: HeavyShare
    tiers: tuple[TierLine, ...]
    costs: Costs
    cache_loss: CacheLoss
    quality_by_tier: tuple[QualityLine, ...]
    quality_by_category: tuple[QualityLine, ...]
    quality_note: str
    """Which judge's scores they are, or why there are none."""
    models: tuple[ModelLine, ...]
    own: tuple[Own, ...]
    examples: tuple[Example, ...]
    days: tuple[DayLine, ...]
