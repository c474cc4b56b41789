"""How conditions on a replay are written."""

from __future__ import annotations

import pytest

from claude_code_router.core.errors import BadRequest
from claude_code_router.core.replay_condition import FIGURES, read


@pytest.mark.parametrize(
    ("text", "figure", "compare", "bound", "tier"),
    [
        ("heavy_share>0.4", "heavy_share", ">", 0.4, "heavy"),
        (" heavy_cost_share >= 45% ", "heavy_cost_share", ">=", 0.45, "heavy"),
        ("my tier_share<1", "my tier_share", "<", 1.0, "my tier"),
        ("cost_change_usd > -3.5", "cost_change_usd", ">", -3.5, ""),
        ("under_routed_share>0", "under_routed_share", ">", 0.0, "under_routed"),
        ("flipped_share<=5%", "flipped_share", "<=", 0.05, ""),
    ],
)
def test_conditions(text: str, figure: str, compare: str, bound: float, tier: str) -> None:
    """A figure, a comparison, a number; what is no figure of ours but a share is a tier's."""
    found = read(text)
    assert (found.figure, found.compare, found.bound, found.tier) == (figure, compare, bound, tier)
    assert found.text == text.strip()


@pytest.mark.parametrize("text", ["heavy_share", "heavy_share=0.4", "moon>1", "", "heavy_share>lots"])
def test_slips_are_told(text: str) -> None:
    """With what there is."""
    with pytest.raises(BadRequest) as slip:
        read(text)
    assert slip.value.hint


def test_every_figure_can_be_asked_for() -> None:
    """By its name."""
    assert [read(f"{name}>1").figure for name in FIGURES] == list(FIGURES)
