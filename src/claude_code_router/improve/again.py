"""Recorded facts decided again, by other rules."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from claude_code_router.config.settings import Config
from claude_code_router.core.decision import Decision
from claude_code_router.core.signals import Signals
from claude_code_router.core.standing import Standing
from claude_code_router.core.target import Target
from claude_code_router.improve.facts_key import FactsKey, Sayings
from claude_code_router.improve.told import LEARNED, NOTHING, RATING, Asked, asked_by, possible
from claude_code_router.routing.declared import tier_of
from claude_code_router.routing.engine import CLASSIC_RULES, Rule
from claude_code_router.routing.escalation import raised
from claude_code_router.routing.hearing import WEEKDAYS, Circumstances, hear
from claude_code_router.routing.stickiness import RatesOf, last_word, settle
from claude_code_router.routing.table import RoutingTable

REFUSED = "(refused)"
STANDING = "standing"
"""Among the facts of `Asked`: where a session stands, which is looked up when `Stickiness` is on."""

_TROUBLE = '"trouble":'
"""Stands only in the facts of a session that has gone up, which are rare: the others are not decoded for it."""

Untold = Literal["words", "facts", "custom router"]
UNTOLD_BECAUSE: Mapping[Untold, str] = {
    "words": "a rule listens for words that nobody listened for when the request was recorded",
    "facts": "a rule asks for a fact that nobody looked up when the request was recorded",
    "custom router": "the custom router is another one than the one that was asked",
}
Known = Mapping[str, Asked]
"""By config hash: what that config's rules asked for."""


class Outcome(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Of deciding again. Shared between the requests whose facts are alike."""

    target: Target | None
    """None: refused."""
    named: str
    """The target as it is written."""
    rule: str
    scenario: str
    tier: str
    decision: Decision | str
    """Of the first request with such facts: its reasons have that one's figures."""


Answer = Outcome | Untold


class _Then(msgspec.Struct, frozen=True):
    """What matters of the config that decided then."""

    unknown: Asked
    """Asked here, and not then."""
    key: FactsKey
    knew_the_standing: bool
    answers: dict[Any, Answer]
    """By the facts that the table looks at."""


class Again:
    """By one table. Answers are remembered by the facts that the table looks at."""

    def __init__(
        self,
        table: RoutingTable,
        known: Known,
        rules: Sequence[Rule],
        *,
        script: str = "",
        sayings: Sayings | None = None,
    ) -> None:
        """`script`: the path of this config's custom router; `known`: what earlier configs are known to have asked."""
        self.table = table
        self._known = known
        self._rules = rules
        self._script = script
        self._sayings = sayings or Sayings()
        self._key = FactsKey(table, sayings=self._sayings)
        self._asked = asked_by(table)
        self.plain = tuple(rules) == CLASSIC_RULES and not (table.difficulty or table.learned or table.escalation)
        """Rules of installed packages may look at anything, and what judges have found is different for each request: then
        nothing is remembered."""
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(self._key.facts if self.plain else Signals)
        self._whole = msgspec.json.Decoder(Signals)
        self._thens: dict[str, _Then] = {}
        """By config hash; those that left as much unknown share what is remembered."""
        self._outcomes: dict[tuple[Any, ...], Outcome] = {}

    def facts(self, text: str) -> Any:
        """So much of a record's signals as is needed; raises msgspec.DecodeError for what another version wrote."""
        return self._decoder.decode(text)

    def decide(
        self, facts: Any, text: str, config_hash: str, at: float, id: str, said: Callable[[str], str | None]
    ) -> Answer:
        """`facts` of `text`, a record's signals. `said`: what the person said in the request with this `id`, by a kept body;
        asked for only where the record does not tell."""
        if self._script and facts.custom_ms is None:
            return "custom router"
        then = self._thens.get(config_hash) or self._then(config_hash)
        if not self.plain:
            found = self._told(self.signals(text, at), then.unknown)
        else:
            if self._key.asks_the_time:
                facts = _timed(facts, at)
            key = then.key.of(facts)
            known = then.answers.get(key)
            if known is None:
                known = then.answers[key] = self._told(self.signals(text, at), then.unknown)
            found = known
        if found == "words" and (words := said(id)) is not None:
            found = self._told(self._hearing(self.signals(text, at), words), Asked(facts=then.unknown.facts))
        if self.table.escalation is not None and _TROUBLE in text and isinstance(found, Outcome) and found.target:
            return self._raised(found, self.signals(text, at))
        return found

    def _raised(self, found: Outcome, signals: Signals) -> Outcome:
        """A session that was in trouble then is so now: its replies were what they were."""
        assert isinstance(found.decision, Decision)
        return self._outcome(raised(found.decision, signals, self.table))

    def _told(self, signals: Signals, unknown: Asked) -> Answer:
        if any(name in unknown.facts and getattr(signals, name) is None for name in (RATING, LEARNED)):
            return "facts"
        worlds = possible(signals, self.table, unknown, self._rules)
        outcomes = [self._outcome(world) for world in worlds]
        if all(outcome.target == outcomes[0].target for outcome in outcomes):
            return outcomes[
                0
            ]  # where none of the rules that nobody can judge applies: another would only change the reason
        return "words" if unknown.words else "facts"

    def _outcome(self, decision: Decision | str) -> Outcome:
        if isinstance(decision, str):
            return Outcome(None, REFUSED, REFUSED, "", "", decision)
        key = (decision.route.first, decision.rule, decision.scenario)
        if key not in self._outcomes:
            tier = tier_of(decision.route.first, self.table.tiers)
            self._outcomes[key] = Outcome(
                key[0], str(key[0]), decision.rule, decision.scenario, tier.name if tier else "", decision
            )
        return self._outcomes[key]

    def unknown_to(self, config_hash: str) -> Asked:
        """What is asked here, and was not by the config that decided then."""
        return (self._thens.get(config_hash) or self._then(config_hash)).unknown

    def knew_the_standing(self, config_hash: str) -> bool:
        """Whether the config that decided then had stickiness on: what is not on its records was not there."""
        return (self._thens.get(config_hash) or self._then(config_hash)).knew_the_standing

    def standing_at(self, facts: Any, standing: Standing | None) -> Any:
        """The facts with another standing."""
        if not self.plain:
            return msgspec.structs.replace(facts, standing=standing)
        facts.standing = standing  # they are our own, and not frozen
        return facts

    def last_word(self, outcome: Outcome, facts: Any, rates_of: RatesOf | None) -> tuple[Outcome, Any]:
        """After stickiness has spoken, by `facts.standing`. Without `rates_of` by the move that is on the record, weighed
        with the prices that were known then."""
        assert isinstance(outcome.decision, Decision)
        if rates_of is None:
            return self._outcome(settle(outcome.decision, facts, self.table)), facts
        facts, decision = last_word(outcome.decision, facts, self.table, rates_of)
        return self._outcome(decision), facts

    def _then(self, config_hash: str) -> _Then:
        asked = self._known.get(config_hash, NOTHING)
        unknown, stood = self._asked.beyond(asked), STANDING in asked.facts
        alike = next((then for then in self._thens.values() if then.unknown == unknown), None)
        found = self._thens[config_hash] = _Then(
            unknown=unknown,
            key=alike.key if alike else FactsKey(self.table, unknown=unknown, sayings=self._sayings),
            answers=alike.answers if alike else {},
            knew_the_standing=stood,
        )
        return found

    def signals(self, text: str, at: float) -> Signals:
        """All facts of a record, as this table's rules would see them."""
        signals = self._whole.decode(text)
        if not self._script:
            signals = msgspec.structs.replace(signals, custom="", custom_note="", custom_ms=None)
        if self._key.asks_the_time:
            signals = _timed(signals, at)
        return msgspec.structs.replace(signals, heard=self._key.heard(signals.heard))

    def _hearing(self, signals: Signals, said: str) -> Signals:
        """As it would have been, had the words been listened for."""
        if self.table.listening is None:
            return signals
        saying = msgspec.structs.replace(signals, last_user_text=said)
        heard = hear(saying, {}, self.table.listening, Circumstances()).heard
        return msgspec.structs.replace(signals, heard=self._key.heard(heard))


class Lanes:
    """Who decides a request: by its namespace, and by its session where that has a Router of its own on this disk. A
    namespace that the config does not have is decided by the whole file's rules."""

    def __init__(
        self,
        config: Config,
        known: Known,
        rules: Sequence[Rule],
        own_table: Callable[[str, Config], RoutingTable],
        sayings: Sayings | None = None,
    ) -> None:
        """`own_table`: a session's table under a config. `sayings`: shared with lanes of other configs."""
        self._config = config
        self._known = known
        self._rules = rules
        self._own_table = own_table
        self._sayings = sayings or Sayings()
        self._made: dict[tuple[str, str], Again] = {}
        self._sessions: dict[tuple[str, str], Again] = {}

    def of(self, namespace: str, session: str) -> Again:
        found = self._sessions.get((namespace, session))
        if found is None:
            lane = self._config.namespaces.get(namespace) if namespace else None
            config = lane.config if lane else self._config
            table = self._own_table(session, config)
            key = (namespace, table.config_hash)
            if key not in self._made:
                script = config.settings.custom_router
                path = script.path if script else ""
                self._made[key] = Again(table, self._known, self._rules, script=path, sayings=self._sayings)
            found = self._sessions[namespace, session] = self._made[key]
        return found


def known_of(configs: Sequence[Config]) -> dict[str, Asked]:
    """What each of these configs asks for, its namespaces included, by the hash that is on the records."""
    found: dict[str, Asked] = {}
    for config in configs:
        for one in (config, *(lane.config for lane in config.namespaces.values())):
            table = one.table
            shadow = asked_by(table.shadow) if table.shadow is not None else NOTHING
            own = asked_by(table)
            facts = own.facts | shadow.facts
            if table.declared or table.shadow is not None:
                facts |= {"spend_today_usd"}
            if table.sticky:
                facts |= {STANDING}
            found[table.config_hash or one.hash] = Asked(words=own.words | shadow.words, facts=facts)
    return found


def _timed(facts: Any, at: float) -> Any:
    """The time of day is told by the time of arrival, also where no rule had asked for it."""
    if facts.minute_of_day is not None:
        return facts
    local = time.localtime(at)
    return msgspec.structs.replace(
        facts, minute_of_day=local.tm_hour * 60 + local.tm_min, weekday=WEEKDAYS[local.tm_wday]
    )
