"""Is an edited config taken in? What its replays have found, put together to one answer. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from claude_code_router.config.settings import Config, ReloadGateSettings
from claude_code_router.improve.fail_on import Finding


class GatedLane(msgspec.Struct, frozen=True):
    """A gate in force, and what it is about."""

    namespace: str
    """Empty: all requests."""
    settings: ReloadGateSettings
    tiers: frozenset[str]
    """That the edited config has here."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of `ccr replay`, for the conditions that can be put to the edited config."""
        namespace = ("--namespace", self.namespace) if self.namespace else ()
        asked = [
            word
            for one in self.settings.conditions
            if not one.tier or one.tier in self.tiers
            for word in ("--fail-on", one.text)
        ]
        return ("--since", self.settings.since, *namespace, *asked)


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """At one lane's requests."""

    lane: GatedLane
    findings: tuple[Finding, ...] = ()
    requests: int = 0
    told: int = 0
    """Those of which the records tell how they are decided: the findings are about these."""
    trouble: str = ""
    """Why there is nothing to be found; empty when there is."""


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    accepted: bool
    judged: bool
    """False: it cannot be told, and the owner's setting has decided."""
    said: str
    """For the log and for `ccr status`; of several lines when it is refused."""


def lanes(now: Config, edited: Config) -> tuple[GatedLane, ...]:
    """The gates of the config in force."""
    found = []
    for name, config in {"": now, **{name: lane.config for name, lane in now.namespaces.items()}}.items():
        lane = edited.namespaces.get(name)
        tiers = (lane.config if lane else edited).table.tiers
        # A namespace has a gate of its own, or none: the file's is about all requests together.
        if config.settings.reload_gate is not None:
            found.append(GatedLane(name, config.settings.reload_gate, frozenset(tiers)))
    return tuple(found)


def decide_alike(now: Config, edited: Config) -> bool:
    """Whether a replay by the one says the same as by the other, whatever the records: nothing that it looks at is edited.
    Keys, time limits, budgets and the gate itself are nothing of that kind."""
    return _looked_at(now) == _looked_at(edited)


def _looked_at(config: Config) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for name, one in {"": config, **{name: lane.config for name, lane in config.namespaces.items()}}.items():
        script = one.settings.custom_router
        found[name] = (
            msgspec.structs.replace(one.table, config_hash="", shadow=None),
            {provider.name: (provider.url, provider.models, provider.prices) for provider in one.providers.values()},
            script.path if script else "",
            one.settings.quality.threshold if one.settings.quality else None,
        )
    return found


def rule(looked: Sequence[Looked]) -> Ruling:
    """Refused when a condition is true. Else, when something cannot be told, as the gates concerned say: one that refuses is
    enough."""
    refusing = [one for one in looked if any(finding.verdict == "failed" for finding in one.findings)]
    if refusing:
        return Ruling(accepted=False, judged=True, said=_refused("the reload gate refuses this edit", refusing))
    untold = [one for one in looked if one.trouble or any(finding.verdict != "ok" for finding in one.findings)]
    strict = [one for one in untold if one.lane.settings.not_known == "refuse"]
    if strict:
        head = 'the reload gate cannot judge this edit, and with "notKnown": "refuse" it is refused'
        return Ruling(accepted=False, judged=False, said=_refused(head, strict))
    if untold:
        why = "; ".join(_untold(one) for one in untold)
        return Ruling(accepted=True, judged=False, said=f"could not judge the last edit, which is in force: {why}")
    return Ruling(accepted=True, judged=True, said="let the last edit in: " + "; ".join(_passed(one) for one in looked))


def _refused(head: str, looked: Sequence[Looked]) -> str:
    lines = [f"{head}; the config before it stays in force."]
    for one in looked:
        lines.append(f"  {_about(one)}{f': {one.trouble}' if one.trouble else ''}")
        lines += [f"    {finding.verdict:<10}  {finding.condition}: {_value(finding)}" for finding in one.findings]
    command = shlex.join(["ccr", "replay", *looked[0].lane.arguments])
    lines.append(f"  What would change: {command}")
    lines.append("  Edit it again; or `ccr restart`, which takes the file as it is, without the gate.")
    return "\n".join(lines)


def _untold(one: Looked) -> str:
    unknown = ", ".join(finding.condition for finding in one.findings if finding.verdict != "ok")
    return f"{_about(one)}: {one.trouble or f'the records do not tell {unknown}'}"


def _passed(one: Looked) -> str:
    return f"{_about(one)}: " + ", ".join(f"{finding.condition}: {_value(finding)}" for finding in one.findings)


def _about(one: Looked) -> str:
    period = "all records" if one.lane.settings.since == "all" else f"the last {one.lane.settings.since}"
    where = f" in {one.lane.namespace}" if one.lane.namespace else ""
    told = "" if one.told == one.requests else f"{one.told:,} of "
    return f"{told}{one.requests:,} request{'' if one.requests == 1 else 's'}{where} of {period}"


def _value(finding: Finding) -> str:
    return "the records do not tell it" if finding.value is None else f"it is {finding.value:,.4g}"
