"""When does escalation pay? Closed forms, pure. In words and with a table in docs/escalation.md.

p   the lighter reply is good                     t  the judge accepts a good reply
s1  the stronger one is good where it is too      f  the judge accepts a bad reply
s0  the stronger one is good where it is not      r, k  the lighter reply's and the judge's cost; 1 is the stronger reply's
"""

from __future__ import annotations

import random
from collections.abc import Iterable

import msgspec

from claude_code_router.core.score import Pair
from claude_code_router.quality.crosstab import Cells, true_shares
from claude_code_router.quality.epochs import epochs_of, newest_with
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
    if r >= 1 or chances.strong <= chances.p:
        return max(chances.p, chances.strong)  # no mix of the two is of any use
    return chances.p + (cost - r) / (1 - r) * (chances.strong - chances.p)


class Joint(msgspec.Struct, frozen=True, kw_only=True):
    """How two tiers did on the same requests, weighted by how likely each was to be looked at."""

    both: float = 0.0
    only_light: float = 0.0
    only_strong: float = 0.0
    neither: float = 0.0
    n: float = 0.0
    """So many equally weighted pairs say as much."""
    epoch: str = ""
    """Of the judge that scored them."""

    @property
    def total(self) -> float:
        return self.both + self.only_light + self.only_strong + self.neither

    @property
    def chances(self) -> Chances:
        """As the judge sees them."""
        return _chances((self.neither, self.only_strong, self.only_light, self.both))


def _chances(cells: Cells) -> Chances:
    neither, only_strong, only_light, both = cells
    good, bad = both + only_light, only_strong + neither
    return Chances(
        p=good / (good + bad) if good + bad else 0.0,
        s1=both / good if good else 1.0,
        s0=only_strong / bad if bad else 1.0,
    )


def joint(pairs: Iterable[Pair], light: str, strong: str, threshold: float) -> Joint:
    """Of pairs that were drawn by chance, of the newest epoch that has enough of them (of the newest of all, where none has).
    Escalated requests are left out: they were chosen by the judge's verdict."""
    drawn = [
        pair
        for pair in pairs
        if not pair.escalated
        and light != strong
        and {pair.served_tier, pair.other_tier} == {light, strong}
        and pair.served_value is not None
        and pair.other_value is not None
    ]
    epochs, labels = epochs_of(drawn)
    if not epochs:
        return Joint()
    label = newest_with(epochs, {one.label: one.pairs for one in epochs}, MINIMUM_PAIRS) or epochs[0].label
    seen: list[tuple[bool, bool, float]] = []
    for pair in (pair for its, pair in zip(labels, drawn, strict=True) if its == label):
        assert pair.served_value is not None
        assert pair.other_value is not None
        served, other = pair.served_value >= threshold, pair.other_value >= threshold
        both = (served, other) if pair.served_tier == light else (other, served)
        seen.append((*both, 1 / pair.probability))
    cells = {(a, b): sum(w for x, y, w in seen if (x, y) == (a, b)) for a in (True, False) for b in (True, False)}
    weights = [weight for _, _, weight in seen]
    return Joint(
        both=cells[True, True],
        only_light=cells[True, False],
        only_strong=cells[False, True],
        neither=cells[False, False],
        n=effective_size(sum(weights), sum(weight * weight for weight in weights)),
        epoch=next(one.judge_epoch for one in epochs if one.label == label),
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
    chances: Chances | None = None
    """Corrected for the error of the judge of the pairs, where that is known; None without pairs."""
    uncorrected: str = ""
    """Why they are as that judge sees them; empty when they are corrected."""


def finding(
    seen: Joint,
    error: JudgeError | None,
    costs: Costs | None,
    dice: random.Random,
    *,
    of_pairs: JudgeError | None = None,
) -> Finding:
    """`error`: of the judge that would hold replies, `of_pairs`: of the one that scored the pairs; both as people's labels
    tell, and one and the same where it is the same judge."""
    uncorrected = "people have judged none of the replies that it scored" if of_pairs is None else of_pairs.unfit
    by = None if uncorrected else of_pairs
    chances = corrected(seen, by)
    needed = needed_accuracy(chances, costs) if costs is not None and seen.n else None
    missing = _missing(seen, error, costs)
    known = Finding(
        pays=None,
        because=f"insufficient: {missing}",
        needed=needed,
        chances=chances if seen.n else None,
        uncorrected=uncorrected if seen.n else "",
    )
    if missing or error is None or costs is None:
        return known
    judge = Judge(t=error.specificity, f=1 - error.sensitivity)
    found = outcome(chances, judge, costs)
    gains = sorted(_drawn(seen, error, by, costs, dice) for _ in range(2000))
    interval = Interval(gains[50], gains[1949]).around(found.gain)
    pays = True if interval.low > 0 else False if interval.high < 0 else None
    word = {True: "it pays", False: "it does not pay", None: "it is too close to tell"}[pays]
    because = (
        f"{word}: {found.quality:.1%} good at {found.cost:.2f} of always asking the stronger tier, where a random mix of the "
        f"two for the same money has {found.mixed:.1%}; the difference is {found.gain:+.1%} [{interval.low:+.1%}, "
        f"{interval.high:+.1%}]{f'; as the judge of the pairs sees them: {uncorrected}' if uncorrected else ''}"
    )
    return msgspec.structs.replace(known, pays=pays, because=because, outcome=found, gain=interval)


def corrected(seen: Joint, error: JudgeError | None) -> Chances:
    """What is behind the verdicts on both replies, when the judge that gave them errs so often; without `error` as judged."""
    if error is None or not seen.total:
        return seen.chances
    cells = (seen.neither, seen.only_strong, seen.only_light, seen.both)
    both_bad, lighter_bad, heavier_bad, none = (cell / seen.total for cell in cells)
    return _chances(true_shares((both_bad, lighter_bad, heavier_bad, none), error))


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


def _drawn(seen: Joint, error: JudgeError, of_pairs: JudgeError | None, costs: Costs, dice: random.Random) -> float:
    """The gain, if the truth lies elsewhere in what the counts allow (Jeffreys' prior)."""
    scale = seen.n / seen.total
    p = _share((seen.both + seen.only_light) * scale, (seen.only_strong + seen.neither) * scale, dice)
    s1 = _share(seen.both * scale, seen.only_light * scale, dice)
    s0 = _share(seen.only_strong * scale, seen.neither * scale, dice)
    held = _other_error(error, dice)
    chances = Chances(p, s1, s0)
    if of_pairs is not None:
        judge = held if of_pairs == error else _other_error(of_pairs, dice)
        if judge.youden >= _LEAST_YOUDEN:
            chances = _chances(true_shares(((1 - p) * (1 - s0), (1 - p) * s0, p * (1 - s1), p * s1), judge))
    return outcome(chances, Judge(t=held.specificity, f=1 - held.sensitivity), costs).gain


_LEAST_YOUDEN = 0.05
"""Below, a verdict says nothing that could be undone."""


def _other_error(error: JudgeError, dice: random.Random) -> JudgeError:
    """As it may be instead, by the labels that there are."""
    return msgspec.structs.replace(
        error,
        sensitivity=_share(error.sensitivity * error.bad, (1 - error.sensitivity) * error.bad, dice),
        specificity=_share(error.specificity * error.good, (1 - error.specificity) * error.good, dice),
    )


def _share(hits: float, misses: float, dice: random.Random) -> float:
    return dice.betavariate(hits + 0.5, misses + 0.5)
