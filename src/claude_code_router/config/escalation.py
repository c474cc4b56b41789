"""`Escalation`: from the file's section to `core.escalation`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from claude_code_router.config.check import Checked, check_section, did_you_mean, problem
from claude_code_router.config.places import Place
from claude_code_router.config.schema_escalation import EscalationSection, HoldSection, LookSection, NextTurnSection
from claude_code_router.core.errors import Problem
from claude_code_router.core.escalation import Check, EscalationSettings, Hold, NextTurn, StallLimit, Which
from claude_code_router.core.target import Target
from claude_code_router.routing.declared import Tier
from claude_code_router.routing.table import SCENARIOS

_EXAMPLE = '{"hold": {"tiers": ["mid"], "judge": "light"}}'


def escalation_settings(
    raw: object,
    place: Place,
    tiers: Mapping[str, Tier],
    rules: Sequence[str],
    resolve: Callable[[object, Place], tuple[Target, ...]],
) -> tuple[EscalationSettings | None, list[Problem], list[Problem]]:
    """With errors and warnings; None without a section. `resolve` says whom a tier, or a target, names."""
    # What is wrong with its types is told where the whole file is checked.
    section = check_section(EscalationSection, raw, place, Checked()) if isinstance(raw, dict) else None
    if section is None:
        return None, [], []
    reading = _Reading(tiers, rules, resolve)
    if section.hold is None and section.nextTurn is None and section.stall is None:
        reading.errors.append(problem(place, "none of `hold`, `nextTurn` and `stall`", _EXAMPLE))
    if len(tiers) < 2:
        found = f"{len(tiers) or 'no'} tier{'' if len(tiers) == 1 else 's'}"
        reading.errors.append(problem(place, found, '`Tiers` with two of them: {"mid": …, "heavy": …}'))
    hold, later, stall = section.hold, section.nextTurn, section.stall
    settings = EscalationSettings(
        hold=Hold(
            which=reading.which(hold, (*place, "hold")),
            check=reading.check(hold, (*place, "hold")),
            hold_s=hold.holdMs / 1000,
        )
        if hold
        else None,
        next_turn=NextTurn(
            which=reading.which(later, (*place, "nextTurn")), check=reading.check(later, (*place, "nextTurn"))
        )
        if later
        else None,
        stall=StallLimit(errors=stall.errors, inside_loop=stall.insideLoop) if stall else None,
        good_turns=section.goodTurns,
        a_day_usd=section.dailyBudgetUsd,
    )
    return settings, reading.errors, reading.warnings


class _Reading:
    def __init__(
        self, tiers: Mapping[str, Tier], rules: Sequence[str], resolve: Callable[[object, Place], tuple[Target, ...]]
    ) -> None:
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []
        self._tiers = tiers
        self._rules = rules
        self._resolve = resolve

    def which(self, section: LookSection, place: Place) -> Which:
        top = max(self._tiers.values(), key=lambda tier: tier.rank).name if self._tiers else ""
        self._known(section.tiers, self._tiers, (*place, "tiers"), "a tier", self.errors)
        self._known(section.scenarios, SCENARIOS, (*place, "scenarios"), "a task type", self.errors)
        # A namespace with rules of its own may well lack some of the file's: they decide nothing there.
        self._known(section.rules, self._rules, (*place, "rules"), "a rule", self.warnings)
        for index, tier in enumerate(section.tiers):
            if tier == top:
                self.errors.append(problem((*place, "tiers", index), f'"{tier}"', "a tier with another one above it"))
        return Which(
            rules=tuple(section.rules),
            tiers=tuple(section.tiers),
            scenarios=tuple(section.scenarios),
            categories=tuple(section.categories),
        )

    def check(self, section: HoldSection | NextTurnSection, place: Place) -> Check:
        judge = self._resolve(section.judge, (*place, "judge")) if section.judge else ()
        return Check(
            judge=judge,
            judge_tier=section.judge if section.judge in self._tiers else "",
            accept_from=section.acceptFrom,
            wait_s=section.timeoutMs / 1000,
        )

    def _known(
        self, said: Sequence[str], known: Iterable[str], place: Place, what: str, problems: list[Problem]
    ) -> None:
        known = tuple(known)
        for index, name in enumerate(said):
            if name not in known:
                close = did_you_mean(name, known)
                expected = f'"{close}"?' if close else f"{what} ({', '.join(known) or 'there is none'})"
                problems.append(problem((*place, index), f'"{name}"', expected))
