"""From rows in a database to a report in each format."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path

import msgspec
import pytest

from claude_code_router.catalog.prices import Rate, Rates
from claude_code_router.cli.main import run
from claude_code_router.cli.report import _put
from claude_code_router.core.attempt import Attempt
from claude_code_router.core.decision import Choose, Decision
from claude_code_router.core.errors import BadRequest
from claude_code_router.core.record import Outcome, Purpose, Record
from claude_code_router.core.score import Pair, Score
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.core.usage import Usage
from claude_code_router.improve.report.figures import Report
from claude_code_router.improve.report.gather import _periods, report
from claude_code_router.improve.report.gathered import Period
from claude_code_router.improve.report.html import as_html
from claude_code_router.improve.report.page import page
from claude_code_router.improve.report.sums import Sum
from claude_code_router.improve.report.text import as_markdown, as_terminal
from claude_code_router.quality.bands import Band
from claude_code_router.quality.intervals import Estimate
from claude_code_router.quality.misses import MissSettings
from claude_code_router.routing.declared import Tier
from claude_code_router.store.db import Database
from claude_code_router.store.kpis import Span, judged_twice
from claude_code_router.store.location import sqlite_url
from claude_code_router.store.row import Entry, flatten

WEEK = 7 * 86_400.0
NOW = 2 * WEEK
LIGHT, HEAVY = Target("p", "light-1"), Target("p", "heavy-1")
TIERS = {"light": Tier("light", 0, (LIGHT,)), "heavy": Tier("heavy", 1, (HEAVY,))}
PRICES = {LIGHT: 1.0, HEAVY: 10.0}
"""USD per million tokens of any kind."""
PLANTED = "sk-ant-api03-PLANTED0000000000000000000000000000000000000000"


def rates_of(target: Target) -> Rates | None:
    rate = Rate(PRICES[target])
    return Rates(input=rate, output=rate, cache_read=Rate(PRICES[target] / 10), cache_write=rate)


def record(number: int, at: float, answered_by: str = "light", **said: object) -> Record:
    target = TIERS[answered_by].targets[0]
    first = said.pop("first", target)
    assert isinstance(first, Target)
    choice = Choose("few tokens", Route((first,)), "12 tokens are fewer than 100", "default")
    usage = Usage(input_tokens=1_000, output_tokens=100)
    return msgspec.structs.replace(
        Record(
            id=f"req_{number}",
            at=at,
            path="/v1/messages",
            outcome=Outcome.DELIVERED,
            status=200,
            tier=answered_by,
            signals=Signals(
                model="claude", session=f"s{number}", category="edit", namespace="team" if number % 2 else ""
            ),
            decision=Decision(
                route=choice.route,
                rule=choice.rule,
                scenario="default",
                because=choice.because,
                verdicts=(choice,),
                config_hash="c0ffee",
            ),
            attempts=(Attempt(target=target, started_ms=0, ended_ms=500, status=200, usage=usage),),
            first_event_ms=100.0 + number % 100,
            total_ms=500.0,
        ),
        **said,
    )


def pair(number: int, at: float, served: str, served_value: float, other_value: float) -> Pair:
    other = "heavy" if served == "light" else "light"
    return Pair(
        request_id=f"req_{number}",
        other_id=f"other_{number}",
        at=at,
        probability=0.5,
        namespace="team" if number % 2 else "",
        category="edit",
        rule="few tokens",
        served_tier=served,
        other_tier=other,
        served_target=str(TIERS[served].targets[0]),
        other_target=str(TIERS[other].targets[0]),
        served_value=served_value,
        other_value=other_value,
        epoch="e1",
        judge="p,judge",
        served_cost_usd=0.001 if served == "light" else 0.01,
        other_cost_usd=0.01 if served == "light" else 0.001,
    )


def entries() -> Iterator[Entry]:
    """This week 300 requests, a third of them heavy, ten failed, six by a fallback; the week before 100 light ones."""
    for number in range(100):
        yield record(number, 1_000 + number)
    for number in range(100, 400):
        tier = "heavy" if number % 3 == 0 else "light"
        said: dict[str, object] = {}
        if number < 110:
            said = {"outcome": Outcome.EXHAUSTED, "status": 529, "attempts": (), "tier": ""}
        elif 111 <= number <= 126 and number % 3 == 0:
            said = {"first": LIGHT}
        if number == 300:
            body = {"messages": [{"role": "user", "content": f"<script>alert(1)</script> my key is {PLANTED}"}]}
            said["request_body"] = json.dumps(body).encode()
        yield record(number, WEEK + number * 100, tier, **said)
        yield Score(
            id=f"s{number}", request_id=f"req_{number}", at=NOW - 1, by="model", judge="j", epoch="e1", value=0.8
        )
    for number in range(150, 250):
        yield pair(number, WEEK + number * 100, "light", 0.2 if number % 10 == 0 else 0.9, 0.9)
    for number in range(300, 350):
        yield pair(number, WEEK + number * 100, "heavy", 0.9, 0.9 if number % 2 == 0 else 0.2)
    yield record(999, NOW - 5, "heavy", purpose=Purpose.SHADOW, parent="req_1")
    yield record(998, NOW - 5, "heavy", purpose=Purpose.TEST)
    yield pair(998, NOW - 5, "light", 0.1, 0.9)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = Database(sqlite_url(tmp_path_factory.mktemp("records") / "records.sqlite"))

    def price(attempt: Attempt) -> float | None:
        return rates_of(attempt.target).cost_usd(attempt.usage) if attempt.usage else None  # type: ignore[union-attr]

    made.insert([flatten(entry, price, 0.0) for entry in entries()])
    yield made
    made.close()


def reported(database: Database, namespace: str | None = None) -> Report:
    return report(
        database,
        Span(since=WEEK, until=NOW, namespace=namespace),
        tiers=TIERS,
        rates_of=rates_of,
        settings=MissSettings(),
        heavy_band=Band(high=0.2),
    )


@pytest.fixture(scope="module")
def found(database: Database) -> Report:
    return reported(database)


def test_only_clients_requests_are_traffic(found: Report) -> None:
    assert (found.requests, found.before_requests) == (300, 100)
    assert [(one.purpose, one.questions) for one in found.own] == [("shadow", 1)]


def test_misses_are_those_of_the_pairs(found: Report) -> None:
    assert found.misses.all.under.estimate is not None
    assert found.misses.all.over.estimate is not None
    assert (found.misses.all.under.n, found.misses.all.over.n) == (100, 50)
    assert found.misses.all.under.estimate.value == pytest.approx(0.1)
    assert found.misses.all.over.estimate.value == pytest.approx(0.5)


def test_the_heavy_share_is_held_against_its_band(found: Report) -> None:
    assert found.heavy.share is not None
    assert found.heavy.share.value == pytest.approx(97 / 290)
    assert found.heavy.side == "above"


def test_always_heavy_is_the_same_tokens_at_its_prices(found: Report) -> None:
    """290 answered requests of 1,100 tokens."""
    always = {one.tier: one.cost_usd for one in found.costs.always}
    assert always == {"heavy": pytest.approx(290 * 0.011), "light": pytest.approx(290 * 0.0011)}
    assert found.costs.cost_usd == pytest.approx(97 * 0.011 + 193 * 0.0011)


def test_errors_and_fallbacks_are_counted(found: Report) -> None:
    trouble = {one.figure: one.now for one in found.dimensions if one.name == "trouble"}
    assert trouble["errors"] is not None
    assert trouble["errors"].value == pytest.approx(10 / 300)
    assert trouble["answered by a fallback"] is not None
    assert trouble["answered by a fallback"].value == pytest.approx(6 / 300)


def test_each_dimension_is_compared_with_the_period_before(found: Report) -> None:
    verdicts = {one.figure: one.verdict for one in found.dimensions}
    assert verdicts["per request"] == "worse"
    assert verdicts["errors"] == "no clear change"
    assert verdicts["mean score"] == "not enough"


def test_percentiles_are_values_that_were_measured(found: Report) -> None:
    [light] = [line for line in found.tiers if line.tier == "light"]
    assert light.first is not None
    assert 100 <= light.first.p50.low <= light.first.p50.value <= light.first.p50.high <= light.first.p95 <= 199


def test_ten_misses_are_explained(found: Report) -> None:
    assert len(found.examples) == 10
    assert {one.kind for one in found.examples} == {"under-routed", "over-routed"}
    assert all("12 tokens are fewer" in one.because for one in found.examples)
    assert "would have got 0.90" in found.examples[0].told


def test_a_namespaces_report_is_its_own(database: Database) -> None:
    assert reported(database, "team").requests == 150
    assert reported(database, "").requests == 150
    assert reported(database, "nobody").requests == 0


def test_an_empty_period_is_a_report_too(database: Database) -> None:
    empty = report(
        database, Span(since=9 * WEEK, until=10 * WEEK), tiers={}, rates_of=rates_of, settings=MissSettings()
    )
    for write in (as_terminal, as_markdown, as_html):
        assert "0 requests" in write(page(empty))


def test_each_format_tells_the_same_figures(found: Report) -> None:
    under = found.misses.all.under.estimate
    assert under is not None
    for text in (as_terminal(page(found)), as_markdown(page(found)), as_html(page(found))):
        assert f"{under.value:.1%} ({under.low:.1%} to {under.high:.1%})" in text
    assert msgspec.json.decode(msgspec.json.encode(found), type=Report) == found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [
            f"{name}={value}" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")
        ]
        self.loads += [tag] if tag in ("script", "link", "iframe", "img", "object") else []
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_of_one_request_no_interval_is_told(found: Report) -> None:
    """Nor that it may be anything."""
    alone = Estimate(value=0.02, low=-math.inf, high=math.inf, n=1)
    lines = [msgspec.structs.replace(one, before=alone) for one in found.dimensions if one.figure == "per request"]
    text = as_terminal(page(msgspec.structs.replace(found, dimensions=tuple(lines))))
    assert "$0.0200 (of 1 request)" in text
    assert "inf" not in text


def test_the_html_loads_nothing_and_is_well_formed(found: Report) -> None:
    text = as_html(page(found))
    reader = _Reader()
    reader.feed(text)
    assert reader.loads == []
    assert reader.open == []
    assert not re.search(r"url\(|@import|https?://", text)
    assert "<svg" in text


def test_a_requests_words_are_escaped_and_without_secrets(found: Report) -> None:
    example = next(one for one in found.examples if one.id == "req_300")
    assert "<script>" in example.text
    html, markdown = as_html(page(found)), as_markdown(page(found))
    assert "<script>" not in html
    assert "<script>" not in markdown
    for text in (html, markdown, as_terminal(page(found)), msgspec.json.encode(found).decode()):
        assert PLANTED not in text


def test_the_command_writes_a_file_for_its_user_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    home = tmp_path / ".claude-code-router"
    home.mkdir()
    dice = random.Random(1)
    made = Database(sqlite_url(home / "records.sqlite"))
    made.insert([flatten(record(number, 1e9 + dice.random()), lambda _: None, 0.0) for number in range(20)])
    made.close()
    (tmp_path / "out.html").write_text("old")
    (tmp_path / "out.html").chmod(0o644)
    for form, begins in (
        ("html", "<!doctype html>"),
        ("markdown", "# Routing"),
        ("json", "{"),
        ("terminal", "Routing"),
    ):
        file = tmp_path / f"out.{form}"
        with pytest.raises(SystemExit) as end:
            run(["report", "--since", "2001-09-08", "--until", "2001-09-10", "--format", form, "--output", str(file)])
        assert end.value.code == 0
        assert file.read_text().startswith(begins)
        assert file.stat().st_mode & 0o777 == 0o600
        assert "20 requests" in file.read_text() or form == "json"
    capsys.readouterr()


def test_without_records_the_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SystemExit):
        run(["report"])
    assert "no records yet" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadRequest, match=r"cannot be written to .*/nowhere/report: No such file or directory"):
        _put("text", tmp_path / "nowhere" / "report")
    assert not capsys.readouterr().out


def test_a_judge_is_not_measured_on_what_it_let_pass(tmp_path: Path) -> None:
    """Where light answers are escalated, served light answers leave the calibration; heavy and unserved ones stay."""
    made = Database(sqlite_url(tmp_path / "records.sqlite"))
    rows: list[Entry] = [
        record(1, 10.0, "light"),
        record(3, 10.0, "heavy"),
        record(5, 10.0, "light", purpose=Purpose.SHADOW),
        record(2, 10.0, "light"),  # in no namespace, where nothing is escalated
    ]
    for number in (1, 2, 3, 5):
        rows += [
            Score(
                id=f"m{number}", request_id=f"req_{number}", at=1, by="model", judge="j", epoch="e", value=number / 10
            ),
            Score(id=f"p{number}", request_id=f"req_{number}", at=2, by="person", judge="me", value=1.0),
        ]
    rows.append(msgspec.structs.replace(pair(7, 10.0, "heavy", 0.9, 0.2), escalated=True, probability=1.0))
    made.insert([flatten(entry, lambda _: None, 0.0) for entry in rows])
    found = judged_twice(made, 100.0)
    made.close()
    assert sorted(value for _, _, value in found) == [0.2, 0.3, 0.5]


@pytest.mark.parametrize("shares", [2, 3])
def test_a_period_read_by_several_processes_is_the_same(database: Database, shares: int) -> None:
    """Wherever the cuts lie: in the period, or in the one before."""

    def told(period: Period) -> object:
        groups = {
            (number, key): tuple(getattr(one, name) for name in Sum.__slots__ if not name.startswith("cost"))
            for number, day in period.sums.days.items()
            for key, one in day.items()
        }
        cost = sum(one.cost_usd for day in period.sums.days.values() for one in day.values())
        times = {tier: sorted(chain.from_iterable(one.first)) for tier, one in period.sums.times.items()}
        return groups, round(cost, 9), times, period.pairs, sorted(period.scores)

    span = Span(since=WEEK, until=NOW)
    here, there = _periods(database, span, 1), _periods(database, span, shares)
    assert [told(one) for one in here] == [told(one) for one in there]
    assert here[0].sums.days
    assert here[1].sums.days


def test_a_price_that_is_not_known_is_not_zero(tmp_path: Path) -> None:
    """In no format: the costs are missing, and that they are is said."""
    made = Database(sqlite_url(tmp_path / "records.sqlite"))
    judge = record(9, WEEK + 9, purpose=Purpose.SCORE)
    made.insert(
        [flatten(one, lambda _: None, 0.0) for one in (*(record(number, WEEK + number) for number in range(5)), judge)]
    )
    found = reported(made)
    made.close()
    told = msgspec.json.decode(msgspec.json.encode(found))
    assert {
        one["cost_usd"] for part in ("tiers", "models", "own", "days") for one in told[part] if one.get("requests", 1)
    } == {None}
    assert told["costs"]["cost_usd"] is None
    assert told["costs"]["per_request"] is None
    assert found.costs.unpriced == 5
    for text in (as_terminal(page(found)), as_markdown(page(found)), as_html(page(found))):
        assert "$0.00" not in text
        assert "not known" in text
        assert "5 requests have no known price" in text


def test_what_an_earlier_attempt_cost_is_paid_too(tmp_path: Path) -> None:
    """Also where the last attempt failed without usage; `ccr stats` counts it."""
    made = Database(sqlite_url(tmp_path / "records.sqlite"))
    [used] = record(1, WEEK).attempts
    failed = Attempt(target=HEAVY, started_ms=1, ended_ms=2, status=529)
    broken = record(1, WEEK, outcome=Outcome.EXHAUSTED, attempts=(used, failed))
    made.insert([flatten(broken, lambda attempt: 0.5 if attempt.usage else None, 0.0)])
    found = reported(made)
    made.close()
    assert (found.costs.cost_usd, found.costs.requests, found.costs.unpriced) == (0.5, 1, 0)
    assert [line.cost_usd for line in found.tiers] == [0.5]
