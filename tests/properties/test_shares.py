"""A replay in shares is the replay of all: whatever the records, and however their sessions are dealt out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claude_code_router.catalog.prices import Rate, Rates
from claude_code_router.config.load import load_text
from claude_code_router.config.settings import Config
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.improve.again import Lanes, known_of
from claude_code_router.improve.fan import Fan, FanTally
from claude_code_router.improve.replay import Draw, Walk
from claude_code_router.improve.replayed import Flip, Replay
from claude_code_router.improve.tally import Tally, merged, replay_of
from claude_code_router.routing.engine import CLASSIC_RULES
from claude_code_router.store.row import _signals_json

PROVIDER = {"name": "p", "api_base_url": "http://127.0.0.1:1/v1/messages", "models": ["light", "heavy"]}
RATES = {
    Target("p", "light"): Rates(input=Rate(1), output=Rate(5), cache_read=Rate(0.1), cache_write=Rate(1.25)),
    Target("p", "heavy"): Rates(input=Rate(5), output=Rate(25), cache_read=Rate(0.5), cache_write=Rate(6.25)),
}


def config(short: int, **others: Any) -> Config:
    rules = [
        {"name": "proofs", "when": {"says": "prove"}, "use": "heavy"},
        {"name": "short", "when": {"tokens": {"under": short}}, "use": "light"},
    ]
    tiers = {"light": "p,light", "heavy": "p,heavy"}
    file = {"Providers": [PROVIDER], "Router": {"default": "p,heavy"}, "Tiers": tiers, "Rules": rules, **others}
    return load_text(json.dumps(file), "config.json", {})


CONFIG = config(20_000)
OTHERS = (config(30_000), config(5_000), config(20_000, Stickiness=False))
SESSIONS = 6

requests = st.fixed_dictionaries({
    "gap_s": st.sampled_from([0.5, 20.0, 250.0, 310.0, 4000.0]),
    "session": st.integers(0, SESSIONS),
    "agent": st.sampled_from(["", "a"]),
    "kind": st.sampled_from(["user", "tool_result", "title", "compaction"]),
    "tokens": st.integers(1, 40_000),
    "model": st.sampled_from(["light", "heavy", "?"]),
    "read": st.sampled_from([0, 5_000, 30_000]),
    "write": st.sampled_from([0, 800, 20_000]),
    "hour": st.booleans(),
    "known": st.booleans(),
    "answered": st.sampled_from([True, True, True, False]),
    "readable": st.sampled_from([True] * 9 + [False]),
})  # fmt: skip


def rows_of(said: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    at, rows = 1_000.0, []
    for number, one in enumerate(said):
        at += one["gap_s"] + number / 1024  # no two at once
        session = f"s{one['session']}" if one["session"] else ""
        signals = Signals(
            model="claude", tokens=one["tokens"], session=session, agent_id=one["agent"], kind=one["kind"]
        )
        usage = (3, one["read"], one["write"], one["write"] if one["hour"] else 0, 100, 0, 0)
        rows.append((
            f"r{number}", at, session, "", one["kind"], _signals_json(signals) if one["readable"] else "{",
            f"p,{one['model']}", "then", CONFIG.hash if one["known"] else "?", "delivered", "p", one["model"], "",
            *(usage if one["answered"] else (None,) * 7), None,
        ))  # fmt: skip
    return rows


def dealt_out(
    rows: Sequence[tuple[Any, ...]], said: Sequence[Mapping[str, Any]], dealt: Sequence[int]
) -> dict[str, int]:
    """By id, its share. What names no session is no conversation, and may be anywhere."""
    return {
        row[0]: dealt[one["session"]] if one["session"] else n % 3
        for n, (row, one) in enumerate(zip(rows, said, strict=True))
    }


def walked(rows: Sequence[tuple[Any, ...]]) -> Tally:
    lanes = Lanes(CONFIG, known_of([CONFIG]), CLASSIC_RULES, lambda _, config: config.table)
    walk = Walk(lanes, RATES.get, lambda _: None, wanted=frozenset({"r0", "r3", "r7"}), draw=2)
    for row in rows:
        walk.add(row)
    return walk.tally()


def counts(found: Replay) -> Any:
    """All but the money and the sentences, whose figures are those of the first request of a share."""
    return (
        (found.since, found.until, found.records, found.told, found.untold, found.unreadable, found.flipped),
        (found.other_rule, found.unpriced, found.rewritten_tokens),
        {name: side.requests for name, side in (*found.before.items(), *found.after.items())},
        {ways(one): (one.requests, [example.id for example in one.examples]) for one in flips(found)},
        {name: (one.requests, one.flipped) for name, one in found.namespaces.items()},
    )


def money(found: Replay) -> list[float]:
    """-1 where no price is known."""
    by_way = sorted((ways(one), one.before_usd, one.after_usd) for one in flips(found))
    sides = [side.cost_usd for sides in (found.before, found.after) for _, side in sorted(sides.items())]
    every = [*(usd for _, *both in by_way for usd in both), *sides]
    return [-1.0 if usd is None else usd for usd in every]


def flips(found: Replay) -> tuple[Flip, ...]:
    return *found.flips, *found.rule_changes


def ways(one: Flip) -> tuple[str, str, str, str]:
    return one.rule_before, one.target_before, one.rule_after, one.target_after


def drawn(tally: Tally) -> list[tuple[str, str, str]]:
    draw = Draw(2)
    for one in tally.drawn:
        draw.show(*one)
    return draw.kept


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(requests, max_size=60), st.lists(st.integers(0, 2), min_size=SESSIONS + 1, max_size=SESSIONS + 1))
def test_shares_add_up_to_the_whole(said: list[dict[str, Any]], dealt: list[int]) -> None:
    """Counts, costs, caches that conversations share, examples, draws; also when shares are merged two by two."""
    rows = rows_of(said)
    place = dealt_out(rows, said, dealt)
    whole = walked(rows)
    parts = [walked([row for row in rows if place[row[0]] == number]) for number in range(3)]
    for together in (merged(parts), merged([merged(parts[:2]), parts[2]]), merged([parts[2], merged(parts[:2])])):
        assert counts(replay_of(together)) == counts(replay_of(whole))
        assert money(replay_of(together)) == pytest.approx(money(replay_of(whole)), abs=1e-7)
        assert together.tiers == whole.tiers
        assert drawn(together) == drawn(whole)


def fanned(rows: Sequence[tuple[Any, ...]]) -> FanTally:
    """What the bill would be with three other configs."""
    lanes = [Lanes(one, known_of([CONFIG]), CLASSIC_RULES, lambda _, config: config.table) for one in (CONFIG, *OTHERS)]
    fan = Fan(lanes, RATES.get, lambda _: None)
    fan.look(rows, lambda _: None)
    fan.walk(lambda names: sorted((row for row in rows if row[2] in names), key=lambda row: (row[2], row[1])))
    return fan.tally()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(requests, max_size=60), st.lists(st.integers(0, 2), min_size=SESSIONS + 1, max_size=SESSIONS + 1))
def test_bills_of_shares_add_up_to_the_whole(said: list[dict[str, Any]], dealt: list[int]) -> None:
    """The change of each rule set, its interval, and which rules decided; without sessions every request is by itself."""
    rows = rows_of(said)
    place = dealt_out(rows, said, dealt)
    whole = fanned(rows)
    first, *others = (fanned([row for row in rows if place[row[0]] == number]) for number in range(3))
    for other in others:
        first.merge(other)
    assert (first.requests, first.rules, first.sessions) == (whole.requests, whole.rules, whole.sessions)
    for found, wanted in zip(first.bills(), whole.bills(), strict=True):
        assert found.sessions == wanted.sessions
        for name in ("value", "low", "high"):
            assert getattr(found.change_usd, name) == pytest.approx(getattr(wanted.change_usd, name), abs=1e-8)
