from __future__ import annotations

import pytest

from claude_code_router.core.decision import Choose, Pass, Refuse, Verdict
from claude_code_router.core.errors import Refused
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.routing.engine import CLASSIC_RULES, decide
from claude_code_router.routing.explain import explain
from claude_code_router.routing.overrides import overridden
from claude_code_router.routing.selector import discovery_id, read_selector
from claude_code_router.routing.table import RoutingTable

A, B, C = Target("p", "a"), Target("p", "b"), Target("q", "c")
TABLE = RoutingTable(scenarios={"default": A}, models={"p": ("a", "b"), "q": ("c",)}, config_hash="abc")
PLAIN = Signals(model="claude-opus-5-5", tokens=1_234, turns=1)


def passing(signals: Signals, table: RoutingTable) -> Verdict:
    return Pass("passing", "no reason")


def choosing(signals: Signals, table: RoutingTable) -> Verdict:
    return Choose("choosing", Route((B,)), "because of b", "think")


def refusing(signals: Signals, table: RoutingTable) -> Verdict:
    return Refuse("refusing", "No.", "Do this.")


def test_the_first_choice_wins_and_all_verdicts_are_kept() -> None:
    """In the order of the rules, those behind the winner too."""
    decision = decide(PLAIN, TABLE, (passing, choosing, refusing, passing))
    assert (decision.route.targets, decision.rule, decision.scenario) == ((B,), "choosing", "think")
    assert (decision.because, decision.config_hash) == ("because of b", "abc")
    assert [verdict.rule for verdict in decision.verdicts] == ["passing", "choosing", "refusing", "passing"]


def test_a_refusal_before_any_choice_ends_it() -> None:
    """With the rule's own sentence and hint."""
    with pytest.raises(Refused) as caught:
        decide(PLAIN, TABLE, (passing, refusing, choosing))
    assert (caught.value.message, caught.value.hint) == ("No.", "Do this.")


def test_no_choice_at_all_says_which_key_to_set() -> None:
    """The user reads this sentence in their terminal."""
    with pytest.raises(Refused) as caught:
        decide(PLAIN, RoutingTable(scenarios={}))
    assert "Router.default" in str(caught.value)
    assert caught.value.error_type == "policy_blocked"


def test_fallback_targets_of_the_winning_scenario_stand_behind_it() -> None:
    """In their order, without doubles; those of other scenarios stay out."""
    table = RoutingTable(scenarios={"default": A}, fallback={"default": (A, C, B, C), "think": (C,)})
    assert decide(PLAIN, table).route.targets == (A, C, B)


def test_an_explicit_choice_has_the_default_fallback() -> None:
    """As in the npm tool, whose scenario for it is default."""
    table = RoutingTable(scenarios={"default": A}, fallback={"default": (A,)}, models=TABLE.models)
    assert decide(Signals(model="q,c"), table).route.targets == (C, A)


def test_explain_shows_every_rule_once_and_marks_the_one_that_decided() -> None:
    """The words are the verdicts' own."""
    signals = Signals(
        model="claude-opus-5-5", tokens=1_234, turns=3, effort="max", subagent=True, plan_mode=True, thinking="adaptive"
    )
    table = RoutingTable(scenarios={"default": A, "think": B}, models=TABLE.models)
    text = explain(decide(signals, table), signals)
    assert next(line for line in text.splitlines() if line.startswith("→")).endswith(
        'p,b: effort "max" is above the client\'s default "medium" for this model'
    )
    assert text.splitlines()[-1].endswith("too late; it would have said p,a: no other rule applied")
    assert "goes to     p,b" in text
    assert "about 1,234 tokens, 3 messages, 0 tools, subagent, thinking adaptive, effort max, plan mode" in text
    assert len([line for line in text.splitlines() if line[1:4].strip().isdigit()]) == len(CLASSIC_RULES)


def test_an_override_replaces_all_but_background_and_what_stands_outside_the_router() -> None:
    """What it does not name is not routed on its own; fallback, providers and an unnamed thinkWhen stay global."""
    base = RoutingTable(
        scenarios={"default": A, "think": A, "background": A},
        fallback={"default": (B,)},
        long_context_threshold_tokens=5,
        think_when=frozenset({"plan"}),
        models=TABLE.models,
    )
    own = RoutingTable(
        scenarios={"default": C, "background": C, "image": B}, fallback={"default": (C,)}, config_hash="own"
    )
    over = overridden(base, own, {"default", "background", "image"})
    assert over.scenarios == {"default": C, "background": A, "image": B}
    assert (over.long_context_threshold_tokens, over.config_hash) == (60_000, "own")
    assert (over.fallback, over.models, over.think_when) == (base.fallback, base.models, base.think_when)
    assert overridden(base, own, {"default", "thinkWhen"}).think_when == own.think_when


def test_an_override_without_a_default_leaves_the_global_one() -> None:
    """Where the npm tool would have no route at all."""
    own = RoutingTable(scenarios={"default": C, "think": B})
    assert overridden(TABLE, own, {"think"}).scenarios == {"default": A, "think": B}


def test_an_override_does_not_give_a_background_that_the_global_table_lacks() -> None:
    """Background is always the global one."""
    own = RoutingTable(scenarios={"default": C, "background": B})
    assert "background" not in overridden(TABLE, own, {"default", "background"}).scenarios


@pytest.mark.parametrize("target", [A, C, Target("p", "org/model"), Target("p", "a,b")])
def test_an_id_from_our_model_list_leads_back_to_its_target(target: Target) -> None:
    """And is of a form that Claude Code's discovery keeps."""
    models = {"p": ("a", "org/model", "a,b"), "q": ("c",)}
    assert "claude" in discovery_id(target)
    assert read_selector(discovery_id(target), models) == target
