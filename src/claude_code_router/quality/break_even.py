"""When does escalation pay? Closed forms, pure. In words and with a table in docs/escalation.md.

p   the lighter reply is good                     t  the judge accepts a good reply
s1  the stronger one is good where it is too      f  the judge accepts a bad reply
s0  the stronger one is good where it is not      r, k  the lighter reply's and the judge's cost; 1 is the stronger reply's
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import msgspec

from claude_code_router.core.score import Pair
from claude_code_router.quality.intervals import Interval, effective_size
from claude_code_router.quality.judge_error import JudgeError

MINIMUM_PAIRS = 30
MINIMUM_LABELS = 20
"""Of good and of bad replies each, that a person and the judge have both scored. 200 of each are better."""


class Chances(msgspec.Struct, frozen=True):
    p: float
    s1: float = 1.0
    s0: float = 1.0

    @property
    def strong(self) -> float:
        """How often the stronger tier alone is right."""
        return self.p * self.s1 + (1 - self.p) * self.s0


class Judge(msgspec.Struct, frozen=True):
    t: float
    f: float


class Costs(msgspec.Struct, frozen=True):
    r: float
    k: float
    again: float = 1.0
    """An escalated reply, whose prompt is in no cache of the stronger tier, against one that is always asked there."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What holding, judging and answering again comes to, per request."""

    escalated: float
    """Share of the requests."""
    quality: float
    """Share of good replies."""
    cost: float
    """1: one stronger reply."""
    strong: float
    """Quality of asking the stronger tier always, which costs 1."""
    mixed: float
    """Quality of sending a random share of the requests to the stronger tier, for the same money."""

    @property
    def gain(self) -> float:
        """Over the random mix. Not above 0: escalation does not pay."""
        return self.quality - self.mixed


def outcome(chances: Chances, judge: Judge, costs: Costs) -> Outcome:
    p, s1, s0 = chances.p, chances.s1, chances.s0
    escalated = 1 - (p * judge.t + (1 - p) * judge.f)
    quality = p * judge.t + p * (1 - judge.t) * s1 + (1 - p) * (1 - judge.f) * s0
    cost = costs.r + costs.k + escalated * costs.again
    return Outcome(
        escalated=escalated, quality=quality, cost=cost, strong=chances.strong, mixed=_mixed(chances, costs.r, cost)
    )


def needed_accuracy(chances: Chances, costs: Costs) -> float | None:
    """The least accuracy of a judge that is as often right about good replies as about bad ones, for a gain over the random
    mix; None when no judge is good enough. The gain is a straight line in it."""
    none, perfect = (outcome(chances, Judge(a, 1 - a), costs).gain for a in (0.0, 1.0))
    if perfect <= 0:
        return None
    return 0.0 if none >= 0 else none / (none - perfect)


def _mixed(chances: Chances, r: float, cost: float) -> float:
    if r >= 1:
        return max(chances.p, chances.strong)  # who pays as much for the lighter tier needs no mix
    return chances.p + (cost - r) / (1 - r) * (chances.strong - chances.p)


class Joint(msgspec.Struct, frozen=True, kw_only=True):
    """How two tiers did on the same requests, weighted by how likely each was to be looked at."""

    both: float = 0.0
    only_light: float = 0.0
    only_strong: float = 0.0
    neither: float = 0.0
    n: float = 0.0
    """So many equally weighted pairs say as much."""
    light_usd: float | None = None
    """Mean cost of a reply."""
    strong_usd: float | None = None

    @property
    def total(self) -> float:
        return self.both + self.only_light + self.only_strong + self.neither

    @property
    def chances(self) -> Chances:
        good, bad = self.both + self.only_light, self.only_strong + self.neither
        return Chances(
            p=good / self.total if self.total else 0.0,
            s1=self.both / good if good else 1.0,
            s0=self.only_strong / bad if bad else 1.0,
        )


def joint(pairs: Iterable[Pair], light: str, strong: str, threshold: float) -> Joint:
    """Of pairs that were drawn by chance. Escalated requests are left out: they were chosen by the judge's verdict."""
    seen: list[tuple[bool, bool, float]] = []
    costs: tuple[list[float], list[float]] = ([], [])
    for pair in pairs:
        if pair.escalated or {pair.served_tier, pair.other_tier} != {light, strong} or light == strong:
            continue
        if pair.served_value is None or pair.other_value is None:
            continue
        served, other = pair.served_value >= threshold, pair.other_value >= threshold
        is_light = pair.served_tier == light
        seen.append((served, other, 1 / pair.probability) if is_light else (other, served, 1 / pair.probability))
        usd = (pair.served_cost_usd, pair.other_cost_usd)
        for kept, one in zip(costs, usd if is_light else usd[::-1], strict=True):
            kept += [one] if one is not None else []
    cells = {(a, b): sum(w for x, y, w in seen if (x, y) == (a, b)) for a in (True, False) for b in (True, False)}
    weights = [weight for _, _, weight in seen]
    return Joint(
        both=cells[True, True],
        only_light=cells[True, False],
        only_strong=cells[False, True],
        neither=cells[False, False],
        n=effective_size(sum(weights), sum(weight * weight for weight in weights)),
        light_usd=_mean(costs[0]),
        strong_usd=_mean(costs[1]),
    )


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Whether escalation pays, as far as the records tell."""

    pays: bool | None
    """None: they do not tell."""
    because: str
    outcome: Outcome | None = None
    gain: Interval | None = None
    """95 %, of `outcome.gain`."""
    needed: float | None = None
    """`needed_accuracy` at these chances and costs."""


def finding(seen: Joint, error: JudgeError | None, costs: Costs | None, dice: random.Random) -> Finding:
    """`error`: the judge's, as people's labels tell."""
    needed = needed_accuracy(seen.chances, costs) if costs is not None and seen.n else None
    missing = _missing(seen, error, costs)
    if missing or error is None or costs is None:
        return Finding(pays=None, because=f"insufficient: {missing}", needed=needed)
    judge = Judge(t=error.specificity, f=1 - error.sensitivity)
    found = outcome(seen.chances, judge, costs)
    gains = sorted(_drawn(seen, error, costs, dice) for _ in range(2000))
    interval = Interval(gains[50], gains[1949]).around(found.gain)
    pays = True if interval.low > 0 else False if interval.high < 0 else None
    word = {True: "it pays", False: "it does not pay", None: "it is too close to tell"}[pays]
    because = (
        f"{word}: {found.quality:.1%} good at {found.cost:.2f} of always asking the stronger tier, where a random mix of the "
        f"two for the same money has {found.mixed:.1%}; the difference is {found.gain:+.1%} [{interval.low:+.1%}, "
        f"{interval.high:+.1%}]"
    )
    return Finding(pays=pays, because=because, outcome=found, gain=interval, needed=needed)


def _missing(seen: Joint, error: JudgeError | None, costs: Costs | None) -> str:
    lacking = []
    if seen.n < MINIMUM_PAIRS:
        lacking.append(f"{seen.n:.0f} of {MINIMUM_PAIRS} pairs of the two tiers")
    good, bad = (error.good, error.bad) if error else (0, 0)
    if min(good, bad) < MINIMUM_LABELS:
        lacking.append(
            f"{good:.0f} good and {bad:.0f} bad replies that both a person and the judge have scored, of "
            f"{MINIMUM_LABELS} each"
        )
    if costs is None:
        lacking.append("prices of both tiers")
    return " and ".join(lacking)


def _drawn(seen: Joint, error: JudgeError, costs: Costs, dice: random.Random) -> float:
    """The gain, if the truth lies elsewhere in what the counts allow (Jeffreys' prior)."""
    scale = seen.n / seen.total

    def share(hits: float, misses: float) -> float:
        return dice.betavariate(hits + 0.5, misses + 0.5)

    chances = Chances(
        p=share((seen.both + seen.only_light) * scale, (seen.only_strong + seen.neither) * scale),
        s1=share(seen.both * scale, seen.only_light * scale),
        s0=share(seen.only_strong * scale, seen.neither * scale),
    )
    judge = Judge(
        t=share(error.specificity * error.good, (1 - error.specificity) * error.good),
        f=1 - share(error.sensitivity * error.bad, (1 - error.sensitivity) * error.bad),
    )
    return outcome(chances, judge, costs).gain


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
