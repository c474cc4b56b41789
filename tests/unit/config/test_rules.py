"""`Rules`, `Tiers`, `Aliases`, `Guards`, `Shadow`: what the file means, and what is said of slips."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from claude_code_router.config.load import load_text
from claude_code_router.config.patterns import compiled
from claude_code_router.config.rule_presets import PRESETS
from claude_code_router.core.errors import ConfigError, Refused
from claude_code_router.core.signals import Signals
from claude_code_router.routing.engine import decide
from claude_code_router.routing.hearing import HEARD_CHARACTERS, Circumstances, hear
from claude_code_router.routing.table import RoutingTable

DOCS = Path(__file__).parents[3] / "docs"
PAGES = ("rules.md", "difficulty.md")
EXAMPLES = [text for page in PAGES for text in re.findall(r"```json\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)]
PROVIDER = {
    "name": "p",
    "api_base_url": "https://example.com/v1/messages",
    "api_key": "k",
    "models": ["light", "mid", "heavy"],
}
TIERS = {"light": "p,light", "mid": "p,mid", "heavy": "p,heavy"}
BASE: dict[str, Any] = {"Providers": [PROVIDER], "Router": {"default": "p,mid"}, "Tiers": TIERS}


def table(**more: Any) -> RoutingTable:
    return load_text(json.dumps(BASE | more), "config.json", {}).table


def target(live: RoutingTable, signals: Signals, header: dict[str, str] | None = None) -> str:
    assert live.listening is not None
    around = Circumstances(minute_of_day=23 * 60, weekday="mon", spend_today_usd=3.0)
    return str(decide(hear(signals, header or {}, live.listening, around), live).route)


def said(text: str, **more: Any) -> Signals:
    return Signals(model="claude-opus-5-5", last_user_text=text, words=len(text.split()), **more)


def problems(**more: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load_text(json.dumps(BASE | more, indent=1), "config.json", {})
    return str(caught.value)


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_docs_examples_load(text: str) -> None:
    """Every example of these pages is a config without errors or warnings."""
    assert load_text(text, "config.json", {}).warnings == ()


HELD: list[tuple[dict[str, Any], Signals]] = [
    ({"tokens": {"over": 10, "at_most": 20}}, said("x", tokens=20)),
    ({"says": "Code  Review"}, said("please do a CODE review, now")),
    ({"says": ["nothing", "レビュー"]}, said("このコードをレビューして")),
    ({"matches": r"JIRA-\d{1,5}"}, said("see jira-77")),
    ({"kind": ["user", "title"]}, said("x")),
    ({"model": "*OPUS*"}, said("x")),
    ({"offers_tool": "mcp__*"}, said("x", tools=("Read", "mcp__db__query"))),
    ({"used_tool": "Bash"}, said("x", tools_used=("Bash",))),
    ({"tool_errors": {"at_least": 1}, "tool_depth": 3}, said("x", tool_errors=1, tool_depth=3)),
    ({"subagent": True, "plan_mode": False}, said("x", subagent=True)),
    ({"header": {"X-Team": "web*"}}, said("x")),
    ({"time": "22:00-06:00", "weekday": "mon"}, said("x")),
    ({"time": "20:00-23:01"}, said("x")),
    ({"spend_today_usd": {"over": 2.5}}, said("x")),
    ({"language": "de"}, said("bitte prüfe, ob das nicht die falsche Datei ist")),
    ({"any": [{"says": "nothing"}, {"image": True}]}, said("x", images=True)),
    ({"any": {"says": "nothing", "pdf": True}}, said("x", pdf=True)),
    ({"not": {"says": "please"}}, said("do it")),
    ({"all": [{"effort": "high"}, {"agent": "explore*"}]}, said("x", effort="high", agent_type="Explorer")),
    ({"project": "/home/me/*"}, said("x", project="/home/me/web")),
]


@pytest.mark.parametrize(("when", "signals"), HELD)
def test_a_condition_holds(when: dict[str, Any], signals: Signals) -> None:
    """Each condition holds where it should, and its opposite does not."""
    header = {"x-team": "web-shop"}
    assert target(table(Rules=[{"when": when, "use": "heavy"}]), signals, header) == "p,heavy"
    assert target(table(Rules=[{"when": {"not": when}, "use": "heavy"}]), signals, header) == "p,mid"


def test_the_first_rule_that_applies_decides() -> None:
    """Order is honoured, and every rule's answer is kept in it."""
    live = table(
        Rules=[{"name": n, "when": {"kind": "user"}, "use": use} for n, use in (("a", "light"), ("b", "heavy"))]
    )
    decision = decide(said("x"), live)
    assert (decision.rule, str(decision.route)) == ("a", "p,light")
    assert [one.rule for one in decision.verdicts[:4]] == ["custom", "a", "b", "image"]


def test_a_rule_stands_before_the_classic_rule_that_it_names() -> None:
    """`before` places it."""
    live = table(Rules=[{"name": "late", "when": {"kind": "user"}, "use": "light", "before": "default"}])
    assert [one.rule for one in decide(said("x"), live).verdicts][-2:] == ["late", "default"]


def test_a_refusal_says_what_the_owner_wrote() -> None:
    """The client reads the owner's message."""
    live = table(Rules=[{"when": {"kind": "user"}, "refuse": "Not on Sundays."}])
    with pytest.raises(Refused, match="Not on Sundays"):
        decide(said("x"), live)


def test_a_split_is_sticky_and_as_large_as_said() -> None:
    """A session's lot never changes; over many sessions the shares come out; the rest falls through."""
    live = table(Rules=[{"name": "trial", "when": {"kind": "user"}, "use": {"heavy": 20, "light": 30}}])
    routes = [str(decide(said("x", session=str(n)), live).route) for n in range(2_000)]
    assert routes == [str(decide(said("other", session=str(n)), live).route) for n in range(2_000)]
    shares = {route: routes.count(route) / 20 for route in set(routes)}
    assert shares == pytest.approx({"p,heavy": 20, "p,light": 30, "p,mid": 50}, abs=4)


def test_a_use_may_be_a_task_type_or_a_chain() -> None:
    """A task type brings its fallback; a chain is tried in its order."""
    live = table(
        Router={"default": "p,mid", "think": "p,heavy"},
        fallback={"think": ["p,light"]},
        Rules=[{"when": {"image": True}, "use": "think"}, {"when": {"pdf": True}, "use": ["light", "p,other", "mid"]}],
    )
    thought = decide(said("x", images=True), live)
    assert (str(thought.route), thought.scenario) == ("p,heavy → p,light", "think")
    assert str(decide(said("x", pdf=True), live).route) == "p,light → p,other → p,mid"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"when": {"tokns": {"over": 1}}, "use": "mid"}, "`tokens`?"),
        ({"when": {"tokens": {"ovr": 1}}, "use": "mid"}, "`over`?"),
        ({"when": {"tokens": "many"}, "use": "mid"}, "bounds, such as"),
        ({"when": {"kind": "users"}, "use": "mid"}, '"user"?'),
        ({"when": {"kind": "user"}, "use": "hevy"}, '"heavy"?'),
        ({"when": {"kind": "user"}, "use": "nobody,x"}, "provider"),
        ({"when": {"kind": "user"}}, "neither `use` nor `refuse`"),
        ({"when": {"kind": "user"}, "use": {"heavy": 80, "mid": 30}}, "at most 100"),
        ({"when": {"matches": "(a+)+$"}, "use": "mid"}, "repetition inside a repetition"),
        ({"when": {"matches": "("}, "use": "mid"}, "cannot be read"),
        ({"when": {"says": "!!"}, "use": "mid"}, "matches"),
        ({"when": {"time": "evening"}, "use": "mid"}, "22:00-06:00"),
        ({"wen": {}, "when": {"kind": "user"}, "use": "mid"}, "`when`?"),
        ({"preset": "lite tasks"}, '"light tasks"?'),
        ({"when": {"kind": "user"}, "use": "mid", "before": "defualt"}, '"default"?'),
        ({"when": {"kind": "user"}, "use": "webSearch"}, "set Router.webSearch"),
        ({"use": "mid"}, "`when`"),
        ("a string", "a rule: {"),
    ],
)
def test_slips_are_told_with_their_line(rule: Any, expected: str) -> None:
    """Every slip names a line, and what is right or was meant."""
    message = problems(Rules=[{"when": {"kind": "user"}, "use": "mid"}, rule])
    assert expected in message
    assert re.search(r"\b\d+\b.*Rules\[1\]|Rules\[1\].*\bline \d+", message), message


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"Tiers": {"light": "nobody,x"}}, "provider"),
        ({"Tiers": {"think": "p,mid"}}, "no task type"),
        ({"Aliases": {"opus": "hevy"}}, '"heavy"?'),
        ({"Guards": {"chain": "middle"}}, "a tier (light, mid, heavy)"),
        ({"Guards": {"windows": True}}, "`window`?"),
        ({"Shadow": {"Rulse": []}}, "`Rules`?"),
        ({"Shadow": {"Rules": [{"when": {"kind": "user"}, "use": "hevy"}]}}, "Shadow.Rules[0].use"),
    ],
)
def test_slips_in_the_other_sections_are_told(sections: dict[str, Any], expected: str) -> None:
    """Tiers, aliases, guards and shadow are checked as the rules are."""
    assert expected in problems(**sections)


@pytest.mark.parametrize(
    "text", ["a*b*", "(ab|a)*x", "(a?b?)+", r"(x)\1", "(?=a)b", "((a+)b)+", ".{0,99}.{0,99}", "a?" * 20]
)
def test_patterns_that_could_take_long_are_refused(text: str) -> None:
    """What may backtrack much does not get into a config."""
    assert isinstance(compiled(text), str)


@pytest.mark.parametrize("text", [r"\bfix(es|ed)?\b.{0,60}\bbug", "design.*system", "x{2,5}y", "[^a]*b"])
def test_patterns_that_are_allowed_are_fast_on_the_worst_text(text: str) -> None:
    """The bound on what is allowed is a bound on time (with much room for a slow machine)."""
    pattern = compiled(text)
    assert not isinstance(pattern, str)
    began = time.process_time()
    for worst in ("a" * HEARD_CHARACTERS, "fix " * (HEARD_CHARACTERS // 4), "design" * (HEARD_CHARACTERS // 6)):
        pattern.search(worst)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("name", PRESETS)
def test_presets_load(name: str) -> None:
    """Each preset is a rule by itself, and its tier can be replaced."""
    assert table(Rules=[{"preset": name}]).declared[0].name == name
    assert table(Rules=[{"preset": name, "use": "p,mid", "name": "mine"}]).declared[0].name == "mine"


@pytest.mark.parametrize(
    ("text", "more", "expected"),
    [
        ("Summarise this file in three lines", {}, "p,light"),
        ("convert this list to JSON", {}, "p,light"),
        ("please review my change", {}, "p,mid"),
        ("Design the architecture of a job queue", {}, "p,heavy"),
        ("summarise why the design fails", {}, "p,heavy"),
        ("go on", {"plan_mode": True}, "p,heavy"),
        ("fix it", {}, "p,mid"),
    ],
)
def test_presets_pick_the_tier_of_the_task(text: str, more: dict[str, Any], expected: str) -> None:
    """Light, mid and heavy tasks go where mission D1 wants them."""
    live = table(Rules=[{"preset": name} for name in ("heavy tasks", "mid tasks", "light tasks")])
    assert target(live, said(text, tokens=900, **more)) == expected


def test_aliases_mean_tiers_where_no_task_type_has_a_say() -> None:
    """A name, or a name of which it is a part; the task types of Router come first."""
    live = table(Aliases={"opus": "heavy", "haiku": "light"}, Router={"default": "p,mid", "think": "p,light"})
    assert str(decide(said("x"), live).route) == "p,heavy"
    assert str(decide(Signals(model="HAIKU"), live).route) == "p,light"
    assert str(decide(Signals(model="gpt-9"), live).route) == "p,mid"
    assert decide(said("x", ultrathink=True), live).rule == "think"


def test_a_shadow_hears_with_the_live_rules_and_keeps_their_rest() -> None:
    """Its rules see their own words; what it does not name is as in the live config."""
    live = table(
        Rules=[{"name": "live", "when": {"says": "alpha"}, "use": "heavy"}],
        Shadow={"Rules": [{"name": "dark", "when": {"says": "beta"}, "use": "light"}]},
    )
    assert live.shadow is not None
    assert live.listening is not None
    signals = hear(said("beta"), {}, live.listening, Circumstances())
    assert str(decide(signals, live).route) == "p,mid"
    assert decide(signals, live.shadow).rule == "dark"
    assert live.shadow.tiers == live.tiers


def test_secret_headers_are_never_kept() -> None:
    """A rule that asks for a header with a key does not see it: it would be on the record."""
    live = table(Rules=[{"when": {"header": {"authorization": True}}, "use": "heavy"}])
    assert target(live, said("x"), {"authorization": "Bearer k"}) == "p,mid"


def test_without_the_sections_the_table_is_the_classic_one() -> None:
    """Nothing is listened for, nothing guarded."""
    plain = load_text(json.dumps({"Providers": [PROVIDER], "Router": {"default": "p,mid"}}), "c", {}).table
    assert (plain.declared, plain.guards, plain.listening, plain.shadow) == ((), None, None, None)


def test_difficulty_is_read_with_its_places() -> None:
    """Equal bands when none are said; slips are told with what would be right."""
    file: dict[str, Any] = {
        "Providers": [
            {"name": "p", "api_base_url": "https://x.example/v1/messages", "api_key": "k", "models": ["a", "b"]}
        ],
        "Router": {"default": "p,a"},
        "Tiers": {"light": "p,a", "heavy": "p,b"},
        "Difficulty": {"judge": "light", "when": {"words": {"over": 5}}, "timeoutMs": 500},
    }
    table = load_text(json.dumps(file), "config.json", {}).table
    assert table.difficulty is not None
    assert [(band.tier, band.up_to) for band in table.difficulty.bands] == [("light", 0.5), ("heavy", 1.0)]
    assert (str(table.difficulty.judge), table.difficulty.timeout_s) == ("p,a", 0.5)
    file["Difficulty"] = {
        "judge": "ligth",
        "bands": {"heavi": 1},
        "default": "mid",
        "when": {"wrods": 1},
        "timeoutMs": 0,
    }
    with pytest.raises(ConfigError) as wrong:
        load_text(json.dumps(file), "config.json", {})
    said = {problem.path: problem.expected for problem in wrong.value.problems}
    assert said["Difficulty.timeoutMs"] == "a whole number from 1 to 60000"
    file["Difficulty"]["timeoutMs"] = 100
    with pytest.raises(ConfigError) as wrong:
        load_text(json.dumps(file), "config.json", {})
    said = {problem.path: problem.expected for problem in wrong.value.problems}
    assert said == {
        "Difficulty.judge": '"light"?',
        "Difficulty.bands.heavi": '"heavy"?',
        "Difficulty.default": "a tier (light, heavy)",
        "Difficulty.when.wrods": "`words`?",
    }


WORDED: list[tuple[dict[str, Any], Signals, str]] = [
    ({"tokens": {"under": 20}}, said("x", tokens=31), "31 tokens (not under 20)"),
    ({"tokens": {"over": 20, "at_most": 50_000}}, said("x", tokens=31), "31 tokens (over 20 and at most 50,000)"),
    ({"messages": 1}, said("x", turns=1), "1 message (exactly 1)"),
    ({"tool_errors": {"at_least": 1}}, said("x"), "0 failed tools (below 1)"),
    ({"difficulty": {"over": 0.5}}, said("x", difficulty=0.75), "difficulty 0.75 (over 0.5)"),
    ({"difficulty": {"over": 0.5}}, said("x"), "the difficulty is not known"),
    ({"spend_today_usd": {"over": 1}}, said("x", spend_today_usd=0.5), "$0.5 spent today (not over 1)"),
    ({"kind": "user"}, said("x", kind="tool_result"), "it is a step of a tool loop"),
    ({"kind": ["user", "title"]}, said("x"), "it is a person's turn"),
    ({"any": [{"kind": "title"}, {"kind": "compaction"}]}, said("x"), "it is a person's turn"),
    ({"model": "gpt*"}, said("x"), 'model "claude-opus-5-5" is not "gpt*"'),
    ({"says": ["a", "b"]}, said("x"), 'the prompt does not say "a" or "b"'),
]


@pytest.mark.parametrize(("when", "signals", "sentence"), WORDED)
def test_reasons_read_as_a_person_would_say_them(when: dict[str, Any], signals: Signals, sentence: str) -> None:
    """The number first, what was asked of it behind; each reason once."""
    live = table(Rules=[{"name": "r", "when": when, "use": "heavy"}])
    assert live.listening is not None
    heard = hear(signals, {}, live.listening, Circumstances(spend_today_usd=signals.spend_today_usd))
    [verdict] = [one for one in decide(heard, live).verdicts if one.rule == "r"]
    assert verdict.because == sentence
