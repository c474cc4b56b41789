"""What other rules would have done, against worlds whose truth is known."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.improve.off_policy import Served, doubly_robust, estimated, snips
from claude_code_router.improve.replayed import Change

GOOD = {
    "summary": {"light": 0.9, "heavy": 0.95},
    "debug": {"light": 0.5, "heavy": 0.8},
    "design": {"light": 0.3, "heavy": 0.7},
}
KINDS = tuple(GOOD)


def world(
    seed: int,
    sessions: int = 500,
    *,
    heavy: float = 0.2,
    recorded: float | None = None,
    skewed: bool = False,
    judged: float = 0.5,
    kinds: bool = True,
    after: str = "heavy",
) -> list[Served]:
    """Sessions of one to three requests, sent to heavy with the probability `heavy`. `recorded`: the probability that stands on
    the records instead; `skewed`: hard tasks are sent up more often than easy ones; `kinds`: the table knows the kinds."""
    dice = random.Random(seed)
    rows = []
    for number in range(sessions):
        kind = dice.choice(KINDS)
        chance = {"summary": 0.5, "debug": 1.0, "design": 1.5}[kind] * heavy if skewed else heavy
        tier = "heavy" if dice.random() < chance else "light"
        share = judged if tier == "light" else min(1.0, 2 * judged)
        for _ in range(dice.randint(1, 3)):
            good = dice.random() < GOOD[kind][tier]
            if dice.random() < share:
                known = chance if recorded is None else recorded
                rows.append(
                    Served(
                        kind=kind if kinds else "",
                        tier=tier,
                        good=good,
                        weight=1 / share,
                        session=f"{seed} {number}",
                        before={"heavy": known, "light": 1 - known},
                        after={after: 1.0},
                    )
                )
    return rows


def truth(*, heavy: float = 0.2, skewed: bool = False, after: str = "heavy") -> float:
    gaps = {kind: good["heavy"] - good["light"] for kind, good in GOOD.items()}
    chances = dict(zip(KINDS, (0.5 * heavy, heavy, 1.5 * heavy) if skewed else (heavy,) * 3, strict=True))
    wanted = 1.0 if after == "heavy" else 0.0
    return sum((wanted - chances[kind]) * gaps[kind] for kind in KINDS) / len(KINDS)


@pytest.mark.parametrize(
    "given_world",
    [{}, {"after": "light"}, {"kinds": False, "skewed": True}],
    ids=["to heavy", "to light", "hard ones go up, by chances alone"],
)
def test_the_intervals_hold_the_truth(given_world: dict[str, bool | float | str]) -> None:
    """In 93 of 100 seeded worlds at least, and the mean of the estimates is the truth: with the right chances it needs no
    table that knows the kinds of task."""
    wanted = truth(**{name: value for name, value in given_world.items() if name != "kinds"})  # type: ignore[arg-type]
    found = [estimated(world(seed, **given_world)) for seed in range(100)]  # type: ignore[arg-type]
    for figure in ("doubly_robust", "snips"):
        changes: list[Change] = [getattr(one, figure) for one in found]
        assert sum(one.low <= wanted <= one.high for one in changes) >= 93, figure
        assert sum(one.change for one in changes) / 100 == pytest.approx(wanted, abs=0.012), figure


def test_doubly_robust_is_right_with_wrong_chances_and_a_right_table() -> None:
    """Twice as many went up as the records say, and harder ones: SNIPS is off by that, DR is not."""
    worlds = [world(seed, 1500, skewed=True, heavy=0.4, recorded=0.2) for seed in range(15)]
    wanted = truth(heavy=0.4, skewed=True)
    assert sum(doubly_robust(rows).change for rows in worlds) / 15 == pytest.approx(wanted, abs=0.012)
    assert abs(sum(snips(rows).change for rows in worlds) / 15 - wanted) > 0.03


@given(seed=st.integers(0, 1000), heavy=st.sampled_from([0.1, 0.5]))
def test_what_stays_changes_nothing(seed: int, heavy: float) -> None:
    """Rules that send everything as before have a change of exactly 0."""
    rows = [
        Served(
            kind=row.kind, tier=row.tier, good=row.good, weight=row.weight, session=row.session, before=row.before,
            after=row.before,
        )
        for row in world(seed, 50, heavy=heavy)
    ]  # fmt: skip
    assert doubly_robust(rows).change == pytest.approx(0)
    assert snips(rows).change == pytest.approx(0)
    assert "none of" in estimated(rows).insufficient


def test_too_little_overlap_is_said() -> None:
    """Too few sessions by lot, or a tier that no lot has ever chosen."""
    few = estimated(world(1, 60, heavy=0.1))
    assert few.doubly_robust is None
    assert "judged sessions (effective) got by lot" in few.insufficient
    nowhere = estimated(world(1, after="mid"))
    assert nowhere.snips is None
    assert nowhere.insufficient == "100% of what changes would go where no lot has ever sent it"


def test_sessions_count_not_requests() -> None:
    """The same sessions ten times over say no more than once."""
    once = world(3, 200)
    tenfold = [row for row in once for _ in range(10)]
    one, ten = estimated(once), estimated(tenfold)
    assert ten.effective == pytest.approx(one.effective)
    assert one.snips is not None
    assert ten.snips is not None
    assert (ten.snips.low, ten.snips.high) == pytest.approx((one.snips.low, one.snips.high))
