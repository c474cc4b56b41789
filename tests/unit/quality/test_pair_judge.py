"""How far a judge of pairs agrees with people."""

from __future__ import annotations

import pytest

from claude_code_router.quality.pair_judge import SLIGHTLY, Agreement, agreement, better


@pytest.mark.parametrize(
    ("served", "other", "expected"),
    [
        (1.0, 0.0, "served"),
        (0.0, 1.0, "other"),
        (1.0, 1.0, "tie"),
        (0.0, 0.0, "tie"),
        (1.0 - SLIGHTLY, 1.0, "other"),
        (SLIGHTLY, 0.0, "served"),
    ],
)
def test_the_order_of_two_values_is_the_preference(served: float, other: float, expected: str) -> None:
    """Also where both are good, or both bad."""
    assert better(served, other) == expected


def test_agreement_counts_apart_and_alike_apart() -> None:
    """A tie is no error where people see one, and no answer is none."""
    seen = [
        ("served", "served"), ("served", "other"), ("other", "tie"), ("other", "other"), ("other", ""),
        ("tie", "tie"), ("tie", "served"),
    ]  # fmt: skip
    found = agreement(seen)  # type: ignore[arg-type]
    assert found == Agreement(apart=4, right=2, undecided=1, alike=2, ties=1)
    assert found.right_interval.low < 0.5 < found.right_interval.high
    assert agreement([]) == Agreement()
