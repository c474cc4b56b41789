"""`Quality`: from the file to the values that sampling and judging go by."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from claude_code_router.config.check import Checked, check_section, did_you_mean, problem
from claude_code_router.config.places import Place
from claude_code_router.config.routes import Resolving
from claude_code_router.config.rules import CLASSIC
from claude_code_router.config.schema_quality import QualitySection
from claude_code_router.core.errors import Problem
from claude_code_router.core.target import Target
from claude_code_router.quality.settings import JudgeSettings, PairSettings, QualitySettings, Shares
from claude_code_router.routing.table import SCENARIOS, RoutingTable


def quality_settings(
    top: Mapping[str, Any], table: RoutingTable, at: Place = ()
) -> tuple[QualitySettings | None, list[Problem], list[Problem]]:
    """The settings, errors and warnings. None: nothing was said. What is wrong with its types is told where the whole file
    is checked. `at`: where `top` itself stands in the file."""
    raw, place = top.get("Quality"), (*at, "Quality")
    section = check_section(QualitySection, raw, place, Checked()) if isinstance(raw, dict) else None
    if section is None:
        return None, [], []
    reading = _Reading(table, place)
    return reading.settings(section), reading.resolving.errors, reading.resolving.warnings


class _Reading:
    def __init__(self, table: RoutingTable, place: Place) -> None:
        self.table = table
        self.place = place
        self.resolving = Resolving(table.models)

    def settings(self, section: QualitySection) -> QualitySettings:
        self._names("shareByTier", section.shareByTier, self.table.tiers)
        self._names("shareByScenario", section.shareByScenario, SCENARIOS)
        self._names("shareByRule", section.shareByRule, (*(rule.name for rule in self.table.declared), *CLASSIC))
        judge = self._judge(section)
        self._pairs(section)
        return QualitySettings(
            judge=judge,
            threshold=section.threshold,
            shares=Shares(
                default=section.share,
                by_rule=section.shareByRule,
                by_scenario=section.shareByScenario,
                by_tier=section.shareByTier,
            ),
            pairs=PairSettings(
                up=section.pairs.up,
                down=section.pairs.down,
                max_tokens=section.pairs.maxTokens,
                timeout_s=section.pairs.timeoutMs / 1000,
                a_day_usd=section.pairs.dailyBudgetUsd,
            ),
        )

    def _judge(self, section: QualitySection) -> JudgeSettings | None:
        targets: list[Target] = []
        for index, text in enumerate(section.judge):
            targets += self._targets(text, (*self.place, "judge", index))
        if not targets:
            return None
        tier = next((name for name in section.judge if name in self.table.tiers), "")
        return JudgeSettings(
            targets=tuple(dict.fromkeys(targets)),
            tier=tier,
            timeout_s=section.timeoutMs / 1000,
            a_day_usd=section.dailyBudgetUsd,
        )

    def _targets(self, text: str, place: Place) -> tuple[Target, ...]:
        if text in self.table.tiers:
            return self.table.tiers[text].targets
        if "," in text or "/" in text:
            target = self.resolving.target(text, place, self.resolving.errors)
            return (target,) if target else ()
        self._unknown(text, self.table.tiers, 'a tier, or "provider,model"', place)
        return ()

    def _pairs(self, section: QualitySection) -> None:
        pairs, place = section.pairs, (*self.place, "pairs")
        if not pairs.up and not pairs.down:
            return
        wrong: tuple[str, str] | None = None
        if pairs.up + pairs.down > 1:
            wrong = f"{pairs.up:g} and {pairs.down:g}", "`up` and `down` of at most 1 together"
        elif not section.judge:
            wrong = "pairs without a judge", "`judge` beside them"
        elif len(self.table.tiers) < 2:
            wrong = "pairs without tiers", "at least two `Tiers`"
        if wrong:
            self.resolving.errors.append(problem(place, *wrong))

    def _names(self, key: str, said: Mapping[str, float], known: Collection[str]) -> None:
        for name in said:
            if name not in known:
                self._unknown(
                    name, known, "one of " + (", ".join(known) or "those that are set: there is none"), (key, name)
                )

    def _unknown(self, name: str, known: Collection[str], expected: str, place: Place) -> None:
        close = did_you_mean(name, known)
        place = place if place[: len(self.place)] == self.place else (*self.place, *place)
        self.resolving.errors.append(problem(place, f"the name {name!r}", f'"{close}"?' if close else expected))
