"""Figures from a database, and who is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from claude_code_router.config.load import load_text
from claude_code_router.core.attempt import Attempt
from claude_code_router.core.decision import Choose, Decision
from claude_code_router.core.errors import TransportFailed
from claude_code_router.core.record import Outcome, Purpose, Record
from claude_code_router.core.score import Pair, Score
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.core.usage import Usage
from claude_code_router.delivery.transport import Timeouts, UpstreamReply, UpstreamRequest
from claude_code_router.improve.alerts.readings import readings
from claude_code_router.improve.alerts.watched import Watched
from claude_code_router.improve.alerts.watching import Watching, lanes
from claude_code_router.quality.alarms import Reading
from claude_code_router.quality.bands import AlertSettings, Band
from claude_code_router.quality.intervals import Estimate
from claude_code_router.routing.declared import Tier
from claude_code_router.store.db import Database
from claude_code_router.store.errors import StoreFailed
from claude_code_router.store.location import sqlite_url
from claude_code_router.store.row import Entry, flatten

NOW = 30 * 86_400.0
LIGHT, HEAVY = Target("p", "light"), Target("p", "heavy")
TIERS = {"light": Tier("light", 0, (LIGHT,)), "heavy": Tier("heavy", 1, (HEAVY,))}
SECRET_URL = "https://hooks.example.com/T000/B000/verysecret"


def record(number: int, ago_s: float, answered_by: str = "light", **said: Any) -> Record:
    target = TIERS[answered_by].targets[0]
    choice = Choose("r", Route((said.pop("first", target),)), "because", "default")
    plain = Record(
        id=f"req_{number}",
        at=NOW - ago_s,
        path="/v1/messages",
        outcome=Outcome.DELIVERED,
        status=200,
        tier=answered_by,
        signals=Signals(model="m", namespace="team" if number % 2 else ""),
        decision=Decision(
            route=choice.route, rule="r", scenario="default", because="because", verdicts=(), config_hash=""
        ),
        attempts=(Attempt(target=target, started_ms=0, ended_ms=1, status=200, usage=Usage(input_tokens=10)),),
        first_event_ms=100.0,
        total_ms=200.0,
    )
    return msgspec.structs.replace(plain, **said)


def entries() -> Iterator[Entry]:
    """In the last hour 100: ten failed, five by a fallback, twenty slow; in each of two weeks 40 pairs, a quarter misses."""
    for number in range(100):
        said: dict[str, Any] = {}
        if number < 10:
            said = {"outcome": Outcome.EXHAUSTED, "first_event_ms": None}
        elif number < 15:
            said = {"first": HEAVY}
        elif number < 35:
            said = {"first_event_ms": 50_000.0}
        yield record(number, 1_000, "heavy" if number >= 70 else "light", **said)
        yield Score(id=f"s{number}", request_id=f"req_{number}", at=NOW, by="model", judge="j", epoch="e", value=0.6)
    yield record(200, 1_000, purpose=Purpose.SHADOW, outcome=Outcome.EXHAUSTED)
    for number in range(1_000, 1_080):
        yield Pair(
            request_id=f"req_{number}",
            other_id=f"o{number}",
            at=NOW - (86_400 if number % 2 else 9 * 86_400),
            probability=0.1,
            served_tier="light",
            other_tier="heavy",
            served_target=str(LIGHT),
            other_target=str(HEAVY),
            served_value=0.1 if number % 8 < 2 else 0.9,
            other_value=0.9,
            epoch="e",
        )


BANDS = {
    kpi: Band(high=0.0)
    for kpi in (
        "error_rate", "fallback_rate", "slow_share", "cost_per_day_usd", "heavy_share", "score_mean", "under_routed",
        "over_routed",
    )
}  # fmt: skip


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = sqlite_url(tmp_path_factory.mktemp("alerts") / "records.sqlite")
    database = Database(url)
    database.insert([flatten(entry, lambda _: 0.5, 0.0) for entry in entries()])
    database.close()
    return url


def read(url: str, namespace: str | None = None, **bands: Band) -> dict[str, Reading]:
    settings = AlertSettings(bands=bands or BANDS)  # type: ignore[arg-type]
    watched = Watched(namespace=namespace, settings=settings, tiers=TIERS)
    return {one.kpi: one for one in readings(url, watched, NOW, NOW - 40_000)}


@pytest.mark.parametrize(
    ("kpi", "value"),
    [
        ("error_rate", 0.10),
        ("fallback_rate", 0.05),
        ("slow_share", 20 / 90),
        ("cost_per_day_usd", 50.0),
        ("heavy_share", 0.30),
        ("score_mean", 0.6),
        ("under_routed", 0.25),
    ],
)
def test_each_figure_is_read_off_the_records(url: str, kpi: str, value: float) -> None:
    found = read(url)[kpi].estimate
    assert found is not None
    assert found.value == pytest.approx(value)


def test_what_has_no_pairs_has_no_figure(url: str) -> None:
    assert read(url)["over_routed"].estimate is None


def test_a_weeks_figure_comes_with_the_week_before(url: str) -> None:
    before = read(url)["under_routed"].before
    assert before is not None
    assert before.n == 40


def test_only_what_is_watched_is_read(url: str) -> None:
    assert list(read(url, heavy_share=Band(high=0.5))) == ["heavy_share"]


def test_a_namespaces_figures_are_its_own(url: str) -> None:
    found = read(url, "team")["cost_per_day_usd"].estimate
    assert found is not None
    assert found.value == pytest.approx(25.0)


class Wire:
    """A transport whose answers are said beforehand."""

    def __init__(self, *answers: int | str) -> None:
        self._answers = list(answers)
        self.sent: list[UpstreamRequest] = []

    async def post(self, request: UpstreamRequest, timeouts: Timeouts) -> UpstreamReply:
        self.sent.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, str):
            raise TransportFailed("connect", answer)
        return Replied(answer)

    async def close(self) -> None: ...


class Replied:
    def __init__(self, status: int) -> None:
        self.status = status
        self.headers: list[tuple[str, str]] = []

    async def next_chunk(self) -> bytes:
        return b""

    def close(self) -> None: ...


FILE: dict[str, Any] = {
    "Providers": [{"name": "p", "api_base_url": "http://127.0.0.1:1/v1/messages", "models": ["m"]}],
    "Router": {"default": "p,m"},
    "Alerts": {"bands": {"errorRate": {"high": 0.05}, "droppedRecords": {"high": 0}}, "webhook": SECRET_URL},
}
BAD = Reading(kpi="error_rate", namespace=None, estimate=Estimate(value=0.2, low=0.1, high=0.3, n=100))


def watching(wire: Wire, found: list[Reading] | StoreFailed, dropped: list[int] | None = None) -> Watching:
    config = load_text(json.dumps(FILE), "config.json", {})

    def read(*_: object) -> list[Reading]:
        if isinstance(found, StoreFailed):
            raise found
        return list(found)

    lost = dropped if dropped is not None else [0]
    return Watching(
        lambda: config, wire, "sqlite://", dropped=lambda: lost[0], now=lambda: NOW, read=read, retries_s=(0.0, 0.0)
    )


async def test_a_webhook_gets_the_figure_its_band_and_a_sentence() -> None:
    wire = Wire(204)
    await watching(wire, [BAD]).look()
    [request] = wire.sent
    assert (request.method, request.url) == ("POST", SECRET_URL)
    sent = json.loads(request.body)
    assert (sent["event"], sent["kpi"], sent["value"], sent["band"]) == ("raised", "error_rate", 0.2, "at most 0.05")
    assert "error rate is above its band: 0.2 (0.1 to 0.3, n = 100)" in sent["text"]


async def test_a_webhook_that_fails_is_tried_again_and_given_up() -> None:
    wire = Wire("refused", 503, 200)
    first = watching(wire, [BAD])
    await first.look()
    assert (len(wire.sent), first.undelivered) == (3, 0)
    wire = Wire(500, 500, 500)
    second = watching(wire, [BAD])
    await second.look()
    assert (len(wire.sent), second.undelivered) == (3, 1)


async def test_a_webhook_that_refuses_is_not_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire(404)
    with caplog.at_level(logging.WARNING, "ccr.alerts"):
        await watching(wire, [BAD]).look()
    assert len(wire.sent) == 1
    assert "it answered 404" in caplog.text
    assert "verysecret" not in caplog.text


async def test_lost_records_are_told_once() -> None:
    dropped = [0]
    wire = Wire(200)
    watch = watching(wire, [], dropped)
    await watch.look()
    assert wire.sent == []
    dropped[0] = 7
    await watch.look()
    assert json.loads(wire.sent[0].body)["value"] == 7
    assert watch.active == ((None, "dropped_records"),)


async def test_records_that_cannot_be_read_are_no_alarm(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ccr.alerts"):
        await watching(Wire(), StoreFailed("locked")).look()
    assert "cannot be read" in caplog.text


def test_a_namespace_is_watched_with_its_own_bands_only() -> None:
    file = {**FILE, "Namespaces": {"a": {"Alerts": {"bands": {"errorRate": {"high": 0.5}}}}, "b": {}}}
    found = lanes(load_text(json.dumps(file), "config.json", {}))
    assert [(one.namespace, sorted(one.settings.bands)) for one in found] == [
        (None, ["dropped_records", "error_rate"]),
        ("a", ["error_rate"]),
    ]


def test_without_alerts_nothing_is_watched(tmp_path: Path) -> None:
    assert lanes(load_text("{}", str(tmp_path), {})) == []


async def test_each_lane_is_looked_at_in_its_own_pace() -> None:
    """One every 0.6 s, the other every 600 s: within two seconds the first is read several times, the second once."""
    bands = {"errorRate": {"high": 0.5}}
    file = {
        **FILE,
        "Alerts": {"bands": bands, "everyMinutes": 10},
        "Namespaces": {"quick": {"Alerts": {"bands": bands, "everyMinutes": 0.01}}},
    }
    config = load_text(json.dumps(file), "config.json", {})
    seen: list[str | None] = []

    def read(_url: str, watched: Watched, *_: object) -> list[Reading]:
        seen.append(watched.namespace)
        return []

    watch = Watching(lambda: config, Wire(), "", dropped=lambda: 0, now=time.monotonic, read=read)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(4):
            await watch.run()
    assert seen.count(None) == 1
    assert seen.count("quick") >= 2
