"""Where routing drew lots: the chances with which a recorded decision fell as it did, and those under other rules. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, product
from math import prod
from typing import Any

import msgspec

from claude_code_router.config.settings import Config
from claude_code_router.core.decision import Choose, Pass, Refuse, Verdict
from claude_code_router.core.target import Target
from claude_code_router.improve.advise import tier_after
from claude_code_router.improve.again import Lanes
from claude_code_router.improve.bill import RatesOf
from claude_code_router.improve.off_policy import Chances, Served
from claude_code_router.routing.declared import DeclaredRule, Share, lot

Trials = Mapping[str, tuple[tuple[Share, ...], ...]]
"""The shares by which rules of a name split their requests, in the states of the config that are known."""
TierOf = Callable[[Target], str]
"""Empty for a target that is in no tier."""

_LEAST_PERCENT = 0.005
"""Half of the smallest part that a lot can tell."""
_TRIES = 100_000
_TEXT, _NAMESPACE, _SESSION = 5, 3, 2
_IN = re.compile(r"the session's lot [\d.]+ of 100 is in the (\S+) % for (.+)$", re.S)
_BEHIND = re.compile(r"the session's lot [\d.]+ of 100 is behind the (\S+) % of this trial$")


class JudgedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A served answer on the records, with its decision."""

    request_id: str
    category: str
    session: str
    """Or what stands in for it where the client sent none: what the lot was drawn by."""
    target: str
    """`provider,model`: the first choice, whoever answered in its place."""
    rule: str
    verdicts: tuple[Verdict, ...]
    value: float
    weight: float


def served(
    answers: Iterable[JudgedAnswer],
    rows: Mapping[str, Sequence[Any]],
    lanes: Lanes,
    rates_of: RatesOf,
    known: Trials,
    tier_of: TierOf,
    good_from: float,
) -> list[Served]:
    """`rows`: the requests', by id; answers whose request is not there or is not told by the new rules are left out. `known`:
    of the configs that have decided. Without a lot that we know, what moves moves to where nobody could have been sent."""
    found, redraw = [], _Redraw(lanes, rates_of, known)
    for one in answers:
        tier = tier_of(Target(*one.target.split(",", 1))) if "," in one.target else ""
        if not tier or one.request_id not in rows:
            continue
        drawn = chances(one.verdicts, one.rule, known, tier_of)
        told = drawn is not None and tier in drawn
        after = redraw.chances(rows[one.request_id], lot_of(one.verdicts) if told else "")
        if after is not None:
            found.append(
                Served(
                    kind=one.category,
                    tier=tier,
                    good=one.value >= good_from,
                    weight=one.weight,
                    session=one.session,
                    before=drawn if drawn is not None and told else {tier: 1.0},
                    after=after,
                )
            )
    return found


class _Redraw:
    """Decides requests again under every way in which a lot may fall."""

    def __init__(self, lanes: Lanes, rates_of: RatesOf, known: Trials) -> None:
        self._lanes = lanes
        self._rates_of = rates_of
        self._known = known
        self._sessions: dict[tuple[tuple[str, int], ...], str] = {}

    def chances(self, row: Sequence[Any], name: str) -> Chances | None:
        """Of the tiers. The lots of the rule `name`, and of rules that split as none did before, are drawn anew; others stay,
        as they had no say in where the request went. None where a tier cannot be told."""
        declared = self._lanes.of(row[_NAMESPACE] or "", row[_SESSION] or "").table.declared
        splits = {rule.name: rule.shares for rule in declared if _splits(rule)}
        drawn = [one for one, shares in splits.items() if one == name or shares not in self._known.get(one, ())]
        if not drawn:
            tier = tier_after(row, self._lanes, self._rates_of)
            return {tier: 1.0} if tier else None
        facts = msgspec.json.decode(row[_TEXT])
        own = facts.get("session") or facts.get("prompt_hash", "")
        stays = [(one, _part(splits[one], lot(one, own))) for one in splits if one not in drawn]
        found: dict[str, float] = {}
        for parts in product(*([(one, *part) for part in _parts(splits[one])] for one in drawn)):
            session = self._session((*stays, *((one, at) for one, at, _ in parts)), splits)
            text = msgspec.json.encode({**facts, "session": session}).decode()
            tier = tier_after((*row[:_TEXT], text, *row[_TEXT + 1 :]), self._lanes, self._rates_of) if session else ""
            if not tier:
                return None
            found[tier] = found.get(tier, 0.0) + prod(chance for *_, chance in parts)
        return found

    def _session(self, place: tuple[tuple[str, int], ...], splits: Mapping[str, tuple[Share, ...]]) -> str:
        """The name of a session whose lots fall so; empty when there is hardly any."""
        found = self._sessions.get(place)
        if found is None:
            names = (f"lot {number}" for number in range(_TRIES))
            fits = (one for one in names if all(_part(splits[rule], lot(rule, one)) == at for rule, at in place))
            found = self._sessions[place] = next(fits, "")
        return found


def _parts(shares: Sequence[Share]) -> list[tuple[int, float]]:
    """Each part's place and chance; the last is what is left to the rules behind."""
    percents = [share.percent for share in shares]
    percents.append(100 - sum(percents))
    return [(at, percent / 100) for at, percent in enumerate(percents) if percent > _LEAST_PERCENT]


def _part(shares: Sequence[Share], point: float) -> int:
    return bisect_right(list(accumulate(share.percent for share in shares)), point)


def trials_of(configs: Iterable[Config]) -> Trials:
    """With those of their namespaces."""
    found: dict[str, tuple[tuple[Share, ...], ...]] = {}
    states = (one for config in configs for one in (config, *(lane.config for lane in config.namespaces.values())))
    for rule in (rule for state in states for rule in state.table.declared if _splits(rule)):
        known = found.get(rule.name, ())
        found[rule.name] = known if rule.shares in known else (*known, rule.shares)
    return found


def _splits(rule: DeclaredRule) -> bool:
    return bool(rule.shares) and not (len(rule.shares) == 1 and rule.shares[0].percent >= 100)


def lot_of(verdicts: Sequence[Verdict]) -> str:
    """The rule whose lot had a say, whether it chose or passed; empty without one."""
    reached = next((place for place, one in enumerate(verdicts) if not isinstance(one, Pass)), len(verdicts) - 1)
    return next((one.rule for one in verdicts[: reached + 1] if _drawn(one)), "")


def chances(verdicts: Sequence[Verdict], rule: str, trials: Trials, tier_of: TierOf) -> Chances | None:
    """Of the tiers, for a request that the rules answered so and `rule` decided. None when no lot had a say, or the chances
    cannot be told: its shares are not known any more, it was one of several, or something behind the rules had the last
    word."""
    reached = next((place for place, one in enumerate(verdicts) if not isinstance(one, Pass)), None)
    if reached is None:
        return None
    winner = verdicts[reached]
    name = lot_of(verdicts)
    if not isinstance(winner, Choose) or winner.rule != rule or not name:
        return None
    at = next(place for place, one in enumerate(verdicts) if one.rule == name)
    shares = next((one for one in trials.get(name, ()) if _drew(one, verdicts[at])), ())
    if not shares:
        return None
    parts = [(share.use.targets[0], share.percent) for share in shares]
    rest = 100 - sum(share.percent for share in shares)
    if rest > _LEAST_PERCENT:
        instead = _behind(verdicts[at + 1 :])
        if instead is None:
            return None
        parts.append((instead, rest))
    found: dict[str, float] = {}
    for target, percent in parts:
        tier = tier_of(target)
        found[tier] = found.get(tier, 0.0) + percent / 100
    return None if "" in found else found


def _behind(verdicts: Sequence[Verdict]) -> Target | None:
    """Where those go whom the lot leaves to the rules behind; None when they refuse, or draw a lot of their own."""
    for one in verdicts:
        if _drawn(one) or isinstance(one, Refuse):
            return None
        if isinstance(one, Choose):
            return one.route.first
    return None


def _drawn(verdict: Verdict) -> bool:
    return bool(_IN.search(verdict.because) or _BEHIND.search(verdict.because))


def _drew(shares: Sequence[Share], verdict: Verdict) -> bool:
    """Whether a rule with these shares said that."""
    if inside := _IN.search(verdict.because):
        return any((f"{share.percent:g}", share.use.named) == inside.groups() for share in shares)
    behind = _BEHIND.search(verdict.because)
    return behind is not None and f"{sum(share.percent for share in shares):g}" == behind[1]
