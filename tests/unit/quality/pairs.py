"""Pairs for tests, with what a test does not care about filled in."""

from __future__ import annotations

from typing import Any

from claude_code_router.core.score import Pair

RANKS = {"light": 0, "mid": 1, "heavy": 2}


def pair(number: int = 0, **said: Any) -> Pair:
    """Light served and good, heavy good as well."""
    tiers = {"served_tier": "light", "other_tier": "heavy", **said}
    plain: dict[str, Any] = {
        "request_id": f"req_{number}",
        "other_id": f"req_{number}_other",
        "at": float(number),
        "probability": 1.0,
        "served_target": f"p,{tiers['served_tier']}",
        "other_target": f"p,{tiers['other_tier']}",
        "served_value": 0.9,
        "other_value": 0.9,
        "epoch": "e1",
        "judge": "p,judge",
    }
    return Pair(**{**plain, **tiers})
