"""Conditions on a replay, as they are written: for `ccr replay --fail-on`, and for the gate before a reload. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from claude_code_router.core.errors import BadRequest

_CONDITION = re.compile(r"\s*([A-Za-z][\w.\- ]*?)\s*(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)\s*(%?)\s*")
FIGURES: Mapping[str, str] = {
    "flipped_share": "requests that go elsewhere, of those that are told",
    "untold_share": "requests whose decision the records do not tell, of all",
    "refused_share": "requests that are refused after",
    "cost_usd": "what the requests cost after",
    "cost_change_usd": "after less before",
    "cost_change": "the same as a share of before",
    "rewritten_tokens": "tokens written to caches because sessions change models",
    "under_routed": "under-routed requests after, of all (from pairs)",
    "over_routed": "over-routed requests after, of all (from pairs)",
    "under_routed_change": "the change of that share",
    "under_routed_change_high": "the upper end of its 95 % interval",
    "over_routed_change": "as for under-routed",
    "over_routed_change_high": "as for under-routed",
}
"""`<tier>_share` and `<tier>_cost_share` besides: of the requests, of the cost, after."""


class Condition(msgspec.Struct, frozen=True):
    text: str
    figure: str
    compare: str
    bound: float

    @property
    def tier(self) -> str:
        """The tier whose share it is about; empty: it is about no tier's."""
        if self.figure in FIGURES:
            return ""
        return self.figure.removesuffix("_share").removesuffix("_cost")

    @property
    def of_cost(self) -> bool:
        """Of a tier's share: that of the cost, not of the requests."""
        return self.figure.endswith("_cost_share")


def read(text: str) -> Condition:
    """`heavy_share>0.4`, `cost_change > 5%`. Raises BadRequest."""
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise BadRequest(f"{text!r} is no condition.", hint="Such as 'heavy_share>0.4' or 'cost_change > 5%'.")
    figure, compare, number, percent = found.groups()
    if figure not in FIGURES and not figure.endswith("_share"):
        raise BadRequest(
            f"{text!r}: there is no figure {figure!r}.",
            hint="There are: " + ", ".join(FIGURES) + ", <tier>_share, <tier>_cost_share.",
        )
    return Condition(text.strip(), figure, compare, float(number) / (100 if percent else 1))
