"""An ordered list of rules, each asked once; the first that does not pass decides. All answers are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from claude_code_router.core.decision import Choose, Decision, NoRoute, Pass, Refuse, Verdict
from claude_code_router.core.errors import Refused
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.routing.escalation import planned, raised
from claude_code_router.routing.guards import guarded
from claude_code_router.routing.rules.alias import alias
from claude_code_router.routing.rules.background import background
from claude_code_router.routing.rules.classifier import classifier
from claude_code_router.routing.rules.compaction import compaction
from claude_code_router.routing.rules.custom import custom
from claude_code_router.routing.rules.default import default
from claude_code_router.routing.rules.difficulty import difficulty
from claude_code_router.routing.rules.explicit import explicit
from claude_code_router.routing.rules.image import image
from claude_code_router.routing.rules.learned import learned
from claude_code_router.routing.rules.long_context import long_context
from claude_code_router.routing.rules.subagent import subagent
from claude_code_router.routing.rules.subagent_tag import subagent_tag
from claude_code_router.routing.rules.think import think
from claude_code_router.routing.rules.web_search import web_search
from claude_code_router.routing.stickiness import RatesOf, last_word
from claude_code_router.routing.table import SCENARIOS, RoutingTable

Rule = Callable[[Signals, RoutingTable], Verdict]

CLASSIC_RULES: tuple[Rule, ...] = (
    custom,
    image,
    explicit,
    compaction,
    classifier,
    long_context,
    subagent_tag,
    background,
    web_search,
    subagent,
    think,
    default,
)
"""The npm tool's order with our own keys put where they change nothing for who does not set them. docs/routing.md."""

_NO_DEFAULT_HINT = 'Set Router.default to "provider,model" in config.json.'


def decide(signals: Signals, table: RoutingTable, rules: Sequence[Rule] = CLASSIC_RULES) -> Decision:
    """Raises NoRoute when a rule refuses or none chooses. Pure: equal arguments, equal Decision."""
    plain = not table.declared and not table.aliases and table.difficulty is None and table.learned is None
    verdicts = tuple([rule(signals, table) for rule in rules]) if plain else _verdicts(signals, table, rules)
    winner = next((verdict for verdict in verdicts if not isinstance(verdict, Pass)), None)
    match winner:
        case None:
            message = "No rule has a route for this request: Router.default is not set."
            raise NoRoute(message, hint=_NO_DEFAULT_HINT, verdicts=verdicts)
        case Refuse():
            raise NoRoute(winner.because, hint=winner.hint, verdicts=verdicts)
        case Choose():
            decision = Decision(
                route=_with_fallback(winner, table),
                rule=winner.rule,
                scenario=winner.scenario,
                because=winner.because,
                verdicts=verdicts,
                config_hash=table.config_hash,
            )
            return decision if table.guards is None else guarded(decision, signals, table)


def decide_in_session(
    signals: Signals, table: RoutingTable, rates_of: RatesOf, rules: Sequence[Rule] = CLASSIC_RULES
) -> tuple[Signals, Decision]:
    """`decide`, and what the session has to say to it: up a tier while it is in trouble; back to its warm cache where leaving
    it does not pay (the signals are told what was weighed); and the plan for a reply that is to be held."""
    decision = raised(decide(signals, table, rules), signals, table)
    signals, decision = last_word(decision, signals, table, rates_of)
    return signals, planned(decision, signals, table)


def decide_beside(signals: Signals, table: RoutingTable, rules: Sequence[Rule] = CLASSIC_RULES) -> Decision | str:
    """As `decide`, for a table whose decisions are only recorded: a refusal is its sentence."""
    try:
        return decide(signals, table, rules)
    except Refused as refused:
        return str(refused)


def _verdicts(signals: Signals, table: RoutingTable, rules: Sequence[Rule]) -> tuple[Verdict, ...]:
    """With the owner's rules: before all task types (the custom router was asked by name, so it stays first), or where
    each says; and with the judge's, what was learnt and the aliases, just before the default."""
    said: list[Verdict] = []
    placed = table.placed
    for rule in rules:
        name = _NAMES.get(rule)
        if name is not None and name in placed:
            said += [one.verdict(signals) for one in table.declared if one.before == name]
        if rule is default and table.difficulty is not None:
            said.append(difficulty(signals, table))
        if rule is default and table.learned is not None:
            said.append(learned(signals, table))
        if rule is default and table.aliases:
            said.append(alias(signals, table))
        said.append(rule(signals, table))
        if rule is custom and "" in placed:
            said += [one.verdict(signals) for one in table.declared if not one.before]
    return tuple(said)


def rule_name(rule: Rule) -> str:
    """As its verdicts name it: `long_context` is `longContext`."""
    head, *rest = getattr(rule, "__name__", "").split("_")
    return head + "".join(part.capitalize() for part in rest)


def _with_fallback(winner: Choose, table: RoutingTable) -> Route:
    scenario = next((known for known in SCENARIOS if known == winner.scenario), None)
    behind: tuple[Target, ...] = table.fallback.get(scenario, ()) if scenario is not None else ()
    return Route(tuple(dict.fromkeys((*winner.route.targets, *behind)))) if behind else winner.route


_NAMES: Mapping[Rule, str] = {rule: rule_name(rule) for rule in CLASSIC_RULES}
