"""Served answers of requests that were sent by lot, read from the records: what `ccr replay` and `ccr advise` forecast by."""

from __future__ import annotations

import msgspec

from claude_code_router.cli.improving import Study
from claude_code_router.config.settings import Config
from claude_code_router.core.decision import Verdict
from claude_code_router.core.target import Target
from claude_code_router.improve.again import Lanes
from claude_code_router.improve.lots import JudgedAnswer, served, trials_of
from claude_code_router.improve.off_policy import estimated
from claude_code_router.improve.replayed import LotForecast
from claude_code_router.quality.intervals import Z95
from claude_code_router.routing.declared import Tier, tier_of
from claude_code_router.store.db import Database
from claude_code_router.store.outcomes import served_scores
from claude_code_router.store.period import COLUMNS, Period, by_ids
from claude_code_router.store.row import Row

_MOST = 20_000
"""Of the newest judgements: more would hardly narrow an interval, and each request is decided again."""
_SIGNALS = COLUMNS.index("signals")


class ServedLots:
    """Reads nothing where no config that is known has a rule that draws lots."""

    def __init__(self, database: Database, studied: Study, period: Period) -> None:
        self._studied = studied
        self._known = trials_of(studied.earlier)
        rows = served_scores(database, period, _MOST) if self._known else []
        self._answers = [_answer(row) for row in rows if row["verdicts"]]
        found = by_ids(database, [one.request_id for one in self._answers])
        self._rows = {row[0]: row for row in found if row[_SIGNALS]}

    def forecast(self, config: Config, lanes: Lanes, z: float = Z95) -> LotForecast | None:
        """Under `config`, by which `lanes` decide. None without lots."""
        if not self._known:
            return None
        tiers = config.table.tiers

        def tier(target: Target) -> str:
            found: Tier | None = tier_of(target, tiers)
            return found.name if found else ""

        studied = self._studied
        rows = served(self._answers, self._rows, lanes, studied.rates_of, self._known, tier, studied.good_from)
        return estimated(rows, z)


def _answer(row: Row) -> JudgedAnswer:
    return JudgedAnswer(
        request_id=row["id"],
        category=row["category"] or "",
        session=row["session"] or row["prompt_hash"] or row["id"],
        target=row["target"] or "",
        rule=row["rule"] or "",
        verdicts=msgspec.json.decode(row["verdicts"], type=tuple[Verdict, ...]),
        value=row["value"],
        weight=1 / (row["probability"] or 1.0),
    )
