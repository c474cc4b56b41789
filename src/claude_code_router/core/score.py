"""Judgements of replies, and pairs of replies to one request."""

from __future__ import annotations

from typing import Literal

import msgspec

ScoredBy = Literal["check", "model", "person", "caller"]
"""A deterministic check; a judge model; a person at `ccr review`; the caller's own evaluator by `POST /api/scores`."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """One judgement of one reply."""

    id: str
    request_id: str
    at: float
    """Unix seconds."""
    by: ScoredBy
    judge: str
    """Which one: a check's name, `provider,model`, a person's or an evaluator's name."""
    epoch: str = ""
    """Digest of what a judgement depends on: the judge's model, its prompt, its rubric. Scores of two epochs are never pooled.
    Empty for people."""
    value: float
    """In [0, 1]."""
    sure: float | None = None
    """In [0, 1]: how sure the judge says that it is; None when it does not say."""
    reason: str = ""
    cost_usd: float | None = None
    duration_ms: float | None = None
    probability: float | None = None
    """With which the reply was chosen for it, in (0, 1]; None when it was not chance: a person's, a caller's."""


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """One request answered by two tiers: the one that was served, and another in the background. Enough for the statistics of
    misses without any other row."""

    request_id: str
    """Of the served answer."""
    other_id: str
    """Of the answer that nobody got."""
    at: float
    """Unix seconds; when the request arrived."""
    probability: float
    """With which this request was chosen for it, in (0, 1]."""
    escalated: bool = False
    """Not sampled: the other answer was the first one and fell short, so that the served tier answered again. Such a request
    was *routed* to `other_tier`, and counts with weight 1."""
    namespace: str = ""
    category: str = ""
    rule: str = ""
    served_tier: str
    other_tier: str
    served_target: str
    """`provider,model`."""
    other_target: str
    served_value: float | None = None
    """The judge's score of it, in [0, 1]; None when it gave none."""
    other_value: float | None = None
    preferred: Literal["", "served", "other", "tie"] = ""
    """By a judge that saw both, blind and in both orders; empty when it was not asked or had no answer."""
    judge: str = ""
    epoch: str = ""
    """As in `Score`."""
    served_cost_usd: float | None = None
    other_cost_usd: float | None = None
    judge_cost_usd: float | None = None
