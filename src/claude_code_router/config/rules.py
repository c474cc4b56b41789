"""`Rules`, `Tiers`, `Aliases`, `Guards`, `Difficulty`, `Learned`, `Stickiness`, `Escalation`, `Shadow`: from the file to
a RoutingTable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from claude_code_router.config.check import Checked, check_section, did_you_mean, problem
from claude_code_router.config.conditions import Reading
from claude_code_router.config.escalation import escalation_settings
from claude_code_router.config.places import Place
from claude_code_router.config.routes import Resolving
from claude_code_router.config.rule_presets import PRESETS
from claude_code_router.config.schema_difficulty import DifficultySection
from claude_code_router.config.schema_learned import LearnedSection
from claude_code_router.core.errors import Problem
from claude_code_router.core.escalation import EscalationSettings
from claude_code_router.core.target import Target
from claude_code_router.routing.conditions import All
from claude_code_router.routing.declared import DeclaredRule, Share, Tier, Use
from claude_code_router.routing.difficulty import Band, DifficultySettings
from claude_code_router.routing.engine import CLASSIC_RULES, rule_name
from claude_code_router.routing.escalation import AFTERWARDS
from claude_code_router.routing.guards import GUARD
from claude_code_router.routing.learned import LearnedSettings
from claude_code_router.routing.table import SCENARIOS, GuardSettings, RoutingTable

_RULE_KEYS = ("name", "comment", "when", "use", "refuse", "before", "firm", "preset", "enabled")
_GUARD_KEYS = ("window", "ambiguous", "chain")
CLASSIC = tuple(rule_name(rule) for rule in CLASSIC_RULES)
KEYS = ("Rules", "Tiers", "Aliases", "Guards", "Difficulty", "Learned", "Stickiness", "Escalation", "Shadow")
_TAKEN = frozenset((*CLASSIC, *AFTERWARDS))
"""Names that verdicts of ours have."""
_SHADOW_KEYS = KEYS[:4]


def with_rules(
    table: RoutingTable, top: Mapping[str, Any], at: Place = ()
) -> tuple[RoutingTable, list[Problem], list[Problem]]:
    """The table with what the sections of `top` declare, errors and warnings. Without any of them: the very table.
    `at`: where `top` itself stands in the file."""
    if not any(top.get(key) for key in KEYS) and not isinstance(top.get("Guards"), dict):
        return table, [], []
    reading = _Reading(table)
    made = reading.table(top, at)
    shadow = top.get("Shadow")
    if shadow:
        made = reading.with_shadow(made, shadow, (*at, "Shadow"))
    elif made.learned is not None and not made.learned.live:
        live = msgspec.structs.replace(made.learned, live=True)
        made = msgspec.structs.replace(made, shadow=msgspec.structs.replace(made, learned=live))
    return made, reading.errors, reading.resolving.warnings


class _Reading(Reading):
    def __init__(self, table: RoutingTable) -> None:
        super().__init__()
        self.base = table
        self.resolving = Resolving(table.models)
        self.tiers: dict[str, Tier] = dict(table.tiers)

    def table(self, top: Mapping[str, Any], at: Place) -> RoutingTable:
        self._read_tiers(top.get("Tiers"), (*at, "Tiers"))
        aliases = self._aliases(top.get("Aliases"), (*at, "Aliases"))
        declared = self.rules(top.get("Rules"), (*at, "Rules"))
        guards = self._guards(top.get("Guards"), (*at, "Guards"))
        difficulty = self._difficulty(top.get("Difficulty"), (*at, "Difficulty"))
        sticky = top.get("Stickiness")
        return msgspec.structs.replace(
            self.base,
            tiers=self.tiers,
            aliases=aliases if top.get("Aliases") else self.base.aliases,
            declared=declared if top.get("Rules") is not None else self.base.declared,
            guards=guards if guards is not None else self.base.guards,
            escalation=self._escalation(top.get("Escalation"), declared, (*at, "Escalation")) or self.base.escalation,
            sticky=bool(self.tiers) if sticky is None else sticky is True,
            difficulty=difficulty or self.base.difficulty,
            learned=self._learned(top.get("Learned"), (*at, "Learned")) or self.base.learned,
            listening=self.listening() if declared or difficulty else self.base.listening,
        )

    def with_shadow(self, made: RoutingTable, section: object, place: Place) -> RoutingTable:
        """It is read over the live table: what it does not name is as there. Both are listened for together."""
        if not isinstance(section, dict):
            self.wrong(place, section, "an object with Rules, Tiers, Aliases or Guards")
            return made
        self._known(section, _SHADOW_KEYS, place)
        live = self.base
        self.base = msgspec.structs.replace(made, shadow=None)
        shadow = self.table(section, place)
        self.base = live
        heard = self.listening()
        shadow = msgspec.structs.replace(shadow, listening=heard)
        return msgspec.structs.replace(made, shadow=shadow, listening=heard)

    def _escalation(self, raw: object, declared: tuple[DeclaredRule, ...], place: Place) -> EscalationSettings | None:
        names = [*(rule.name for rule in declared or self.base.declared), *CLASSIC, "alias"]
        settings, errors, warnings = escalation_settings(
            raw, place, self.tiers, names, lambda value, where: self.use(value, where).targets
        )
        self.errors += errors
        self.resolving.warnings += warnings
        return settings

    def rules(self, section: object, place: Place) -> tuple[DeclaredRule, ...]:
        if section is None:
            return ()
        if not isinstance(section, list):
            self.wrong(place, section, "a list of rules: [{…}, {…}]")
            return ()
        rules: list[DeclaredRule] = []
        for index, one in enumerate(section):
            rule = self._rule(one, index + 1, (*place, index))
            if rule is None:
                continue
            if any(rule.name == other.name for other in rules) or rule.name in _TAKEN or rule.name.startswith(GUARD):
                self.wrong((*place, index, "name"), rule.name, "a name that no other rule has")
            rules.append(rule)
        return tuple(rules)

    def _rule(self, section: object, number: int, place: Place) -> DeclaredRule | None:
        if not isinstance(section, dict):
            self.wrong(place, section, 'a rule: {"name": …, "when": {…}, "use": …}')
            return None
        self._known(section, _RULE_KEYS, place)
        if section.get("enabled") is False:
            return None
        said, found_at = self._with_preset(section, place)
        name = said.get("name") or f"rule {number}"
        if not isinstance(name, str):
            self.wrong((*place, "name"), name, "a text")
            return None
        when = self.when(said["when"], (*found_at, "when")) if "when" in said else None
        if when is None:
            self.errors.append(
                problem(place, "no `when`", '`when`, with what must hold; {"tokens": {"over": 0}} always holds')
            )
        shares, refuse = self._outcome(said, place)
        return DeclaredRule(
            name=name,
            when=when or All(()),
            shares=shares,
            refuse=refuse,
            before=self._before(said, place),
            firm=self._firm(said, shares, place),
        )

    def _with_preset(self, section: Mapping[str, Any], place: Place) -> tuple[Mapping[str, Any], Place]:
        preset = section.get("preset")
        if preset is None:
            return section, place
        if preset not in PRESETS:
            close = did_you_mean(str(preset), PRESETS)
            self.wrong((*place, "preset"), preset, f'"{close}"?' if close else "one of " + ", ".join(PRESETS))
            return {"name": "", "when": {"tokens": {"over": 0}}, "refuse": "?"}, place
        own = {key: value for key, value in section.items() if key not in ("preset", "when")}
        base = {key: value for key, value in PRESETS[preset].items() if key != "use" or "refuse" not in section}
        conditions: dict[str, Any] = dict(base["when"])
        if "when" in section:
            conditions = {"all": [conditions, section["when"]]}
        return {"name": preset, **base, **own, "when": conditions}, place

    def _outcome(self, said: Mapping[str, Any], place: Place) -> tuple[tuple[Share, ...], str]:
        use, refuse = said.get("use"), said.get("refuse")
        if (use is None) == (refuse is None):
            found = "both `use` and `refuse`" if use is not None else "neither `use` nor `refuse`"
            self.errors.append(problem(place, found, "one of them"))
            return (), "?"
        if refuse is not None:
            if not isinstance(refuse, str) or not refuse:
                self.wrong((*place, "refuse"), refuse, "the message that the client is to read")
            return (), str(refuse)
        return self._shares(use, (*place, "use")), ""

    def _shares(self, use: object, place: Place) -> tuple[Share, ...]:
        if not isinstance(use, dict):
            return (Share(100.0, self.use(use, place)),)
        shares = []
        for named, percent in use.items():
            if not isinstance(percent, int | float) or isinstance(percent, bool) or not 0 <= percent <= 100:
                self.wrong((*place, named), percent, "a percentage from 0 to 100")
                continue
            shares.append(Share(float(percent), self.use(named, (*place, named))))
        if not shares or sum(share.percent for share in shares) > 100:
            self.wrong(place, use, 'percentages of at most 100 together: {"heavy": 10, "mid": 90}')
        return tuple(shares)

    def use(self, value: object, place: Place) -> Use:
        """A tier, a task type, a target, or a chain of them."""
        texts = value if isinstance(value, list) else [value]
        targets: list[Target] = []
        scenario = "default"
        for index, text in enumerate(texts):
            where = (*place, index) if isinstance(value, list) else place
            if not isinstance(text, str) or not text:
                self.wrong(where, text, '"a tier", "a task type", "provider,model", or a list of these')
                continue
            found, own = self._named(text, where)
            targets += found
            scenario = own if index == 0 and own else scenario
        named = " → ".join(str(text) for text in texts)
        return Use(tuple(dict.fromkeys(targets)) or (Target("?", "?"),), named, scenario)

    def _named(self, text: str, place: Place) -> tuple[Sequence[Target], str]:
        if text in self.tiers:
            return self.tiers[text].targets, ""
        if text in self.base.scenarios:
            scenario = next(one for one in SCENARIOS if one == text)
            return (self.base.scenarios[scenario], *self.base.fallback.get(scenario, ())), scenario
        if text in SCENARIOS:
            self.wrong(place, text, f"a task type that has a target: set Router.{text}")
            return (), ""
        if "," in text or "/" in text:
            target = self.resolving.target(text, place, self.errors)
            return ((target,) if target else ()), ""
        close = did_you_mean(text, (*self.tiers, *self.base.scenarios))
        tiers = ", ".join(self.tiers) or "none is set in Tiers"
        expected = f'"{close}"?' if close else f'a tier ({tiers}), a task type, or "provider,model"'
        self.wrong(place, text, expected)
        return (), ""

    def _before(self, said: Mapping[str, Any], place: Place) -> str:
        before = said.get("before", "")
        if before and before not in CLASSIC:
            close = did_you_mean(str(before), CLASSIC)
            self.wrong((*place, "before"), before, f'"{close}"?' if close else "one of " + ", ".join(CLASSIC))
        return str(before)

    def _firm(self, said: Mapping[str, Any], shares: tuple[Share, ...], place: Place) -> bool:
        """Who names a target outright means this very one; who names a tier or a task type, what it stands for."""
        firm = said.get("firm")
        if firm is not None and not isinstance(firm, bool):
            self.wrong((*place, "firm"), firm, "true or false")
        return any("," in share.use.named or "/" in share.use.named for share in shares) if firm is None else bool(firm)

    def _read_tiers(self, section: object, place: Place) -> None:
        if section is None:
            return
        if not isinstance(section, dict):
            self.wrong(place, section, 'tiers from weak to strong: {"light": "provider,model", "heavy": […]}')
            return
        self.tiers = {}
        for name, said in section.items():
            if name in SCENARIOS:
                self.wrong((*place, name), name, "a name that no task type has")
            texts = [said] if isinstance(said, str) else said
            if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
                self.wrong((*place, name), said, '"provider,model", or a list of them: the first, then its fallbacks')
                continue
            found = [self.resolving.target(text, (*place, name), self.errors) for text in texts]
            targets = tuple(target for target in found if target is not None)
            self.tiers[name] = Tier(name, len(self.tiers), targets or (Target("?", "?"),))

    def _aliases(self, section: object, place: Place) -> dict[str, Use]:
        if section is None:
            return {}
        if not isinstance(section, dict):
            self.wrong(place, section, 'what names mean: {"opus": "heavy", "haiku": "light"}')
            return {}
        return {name.lower(): self.use(said, (*place, name)) for name, said in section.items()}

    def _guards(self, section: object, place: Place) -> GuardSettings | None:
        if section is None:
            return None
        if not isinstance(section, dict):
            self.wrong(place, section, 'an object such as {"window": true, "chain": "mid"}')
            return None
        self._known(section, _GUARD_KEYS, place)
        window = section.get("window", True)
        if not isinstance(window, bool):
            self.wrong((*place, "window"), window, "true or false")
        for key in ("ambiguous", "chain"):
            tier = section.get(key, "")
            if tier and tier not in self.tiers:
                close = did_you_mean(str(tier), self.tiers)
                names = ", ".join(self.tiers) or "none is set in Tiers"
                self.wrong((*place, key), tier, f'"{close}"?' if close else f"a tier ({names})")
        return GuardSettings(
            window=bool(window), ambiguous=str(section.get("ambiguous", "")), chain=str(section.get("chain", ""))
        )

    def _difficulty(self, raw: object, place: Place) -> DifficultySettings | None:
        # What is wrong with its types is told where the whole file is checked.
        section = check_section(DifficultySection, raw, place, Checked()) if isinstance(raw, dict) else None
        if section is None:
            return None
        judge = self.use(section.judge, (*place, "judge")).targets[0]
        tiers = list(self.tiers)
        bands = section.bands or {tier: round((at + 1) / len(tiers), 3) for at, tier in enumerate(tiers)}
        for tier in [*section.bands, *([section.default] if section.default else [])]:
            if tier not in self.tiers:
                close = did_you_mean(tier, tiers)
                where = (*place, "bands", tier) if tier in section.bands else (*place, "default")
                self.wrong(
                    where, tier, f'"{close}"?' if close else f"a tier ({', '.join(tiers) or 'none is set in Tiers'})"
                )
        return DifficultySettings(
            judge=judge,
            when=self.when(section.when, (*place, "when")) if section.when else None,
            near=section.near,
            bands=tuple(Band(tier, up_to) for tier, up_to in sorted(bands.items(), key=lambda band: band[1])),
            default=section.default,
            timeout_s=section.timeoutMs / 1000,
            daily_budget_usd=section.dailyBudgetUsd,
            remembered=section.cache,
        )

    def _learned(self, raw: object, place: Place) -> LearnedSettings | None:
        section = check_section(LearnedSection, raw, place, Checked()) if isinstance(raw, dict) else None
        if section is None:
            return None
        tiers = list(self.tiers)
        if len(tiers) < 2:
            self.wrong(place, "fewer than two `Tiers`", "two to choose between")
        for key, tier in (("light", section.light), ("heavy", section.heavy)):
            if tier and tier not in self.tiers:
                close = did_you_mean(tier, tiers)
                self.wrong((*place, key), tier, f'"{close}"?' if close else f"a tier ({', '.join(tiers)})")
        return LearnedSettings(
            live=section.mode == "live",
            file=section.file,
            share=section.share,
            light=section.light,
            heavy=section.heavy,
        )

    def _known(self, section: Mapping[str, Any], known: Sequence[str], place: Place) -> None:
        for key in section:
            if key not in known:
                close = did_you_mean(str(key), known)
                expected = f"`{close}`?" if close else "one of " + ", ".join(known)
                self.errors.append(problem((*place, str(key)), f"the unknown key `{key}`", expected))
