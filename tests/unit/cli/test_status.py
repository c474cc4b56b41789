"""What `ccr status` says in each situation."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from claude_code_router.cli.service import (
    Health,
    HealthConfig,
    HealthRecords,
    HealthScores,
    Service,
    ServiceState,
    Situation,
)
from claude_code_router.cli.status import as_text, describe
from claude_code_router.config.home import Home
from claude_code_router.config.settings import Config, Settings
from claude_code_router.core.readiness import Load, Readiness, Resting, Spent
from claude_code_router.core.target import Target
from claude_code_router.providers.provider import Provider
from claude_code_router.routing.table import RoutingTable

HOME = Home(Path("/home/u/.claude-code-router"))
STATE = ServiceState(pid=41, start="b.7", host="127.0.0.1", port=3456, instance="t", version="1", started_at=1000.0)
CONFIG = Config(
    settings=Settings(),
    providers={"local": Provider(name="local", url="http://x", key="sk-secret", models=("a", "b"))},
    table=RoutingTable(scenarios={"default": Target("local", "a")}),
    hash="abc",
)


def running(health: Health) -> Service:
    return Service(Situation.RUNNING, STATE, health)


def test_a_running_router() -> None:
    """Where, since when, with what; never a key."""
    health = Health(instance="t", pid=41, version="9", config=HealthConfig("abc"), records=HealthRecords(3))
    status = describe(HOME, running(health), CONFIG, "", now=1000.0 + 3700)
    text = as_text(status)
    assert status.running and not status.config_pending
    for part in ("http://127.0.0.1:3456", "41", "1 h 1 min", "version 9", "local,a", "2 models", "3 dropped"):
        assert part in text
    assert "sk-secret" not in text + msgspec.json.encode(status).decode()


def test_what_was_judged() -> None:
    """A line where replies are judged in the background, with what was lost; none otherwise."""
    quiet = Health(instance="t", config=HealthConfig("abc"))
    assert "scores" not in as_text(describe(HOME, running(quiet), CONFIG, "", now=0))
    busy = Health(instance="t", config=HealthConfig("abc"), scores=HealthScores(2, 40, 3, 5, 1))
    told = "40 replies judged, 3 pairs, 2 waiting, 1 without an answer in time or budget, 5 dropped"
    assert told in as_text(describe(HOME, running(busy), CONFIG, "", now=0))


def test_an_edit_on_its_way() -> None:
    """A good file that is not in force yet is told from one that is."""
    status = describe(HOME, running(Health(instance="t", config=HealthConfig("old"))), CONFIG, "", now=0)
    assert status.config_pending and status.config_hash == "old"
    assert "being picked up" in as_text(status)


def test_a_broken_edit_is_ignored_and_told() -> None:
    """The old config stays in force, and the reason is shown."""
    health = Health(instance="t", config=HealthConfig("old", "config.json: 1 problem(s)\n  line 2: PORT"))
    text = as_text(describe(HOME, running(health), None, "config.json: 1 problem(s)\n  line 2: PORT", now=0))
    assert "is ignored" in text and "line 2: PORT" in text


def test_what_the_reload_gate_says() -> None:
    """Of an edit that it looks at, or has let in; a refusal is shown as the reason why the file is not in force."""
    looking = Health(instance="t", config=HealthConfig("old", gate="replays the last edit"))
    text = as_text(describe(HOME, running(looking), CONFIG, "", now=0))
    assert "the reload gate replays the last edit" in text and "being picked up" not in text
    refused = Health(instance="t", config=HealthConfig("old", "the reload gate refuses this edit\n  heavy_share>0.4"))
    status = describe(HOME, running(refused), CONFIG, "", now=0)
    text = as_text(status)
    assert status.config_pending and status.config_error
    assert "the file on disk is ignored" in text and "heavy_share>0.4" in text and "being picked up" not in text


@pytest.mark.parametrize("found", [s for s in Situation if s is not Situation.RUNNING])
def test_a_router_that_does_not_run(found: Situation) -> None:
    """No endpoint is promised, and the config's errors are shown all the same."""
    state = None if found is Situation.STOPPED else STATE
    status = describe(HOME, Service(found, state), None, "config.json: 1 problem(s)", now=0)
    assert not status.running and status.endpoint == ""
    assert "is wrong" in as_text(status)


def test_breakers_limits_and_budgets() -> None:
    """Who is left alone and for how long, what is used, what is spent."""
    status = describe(HOME, running(Health(instance="t")), CONFIG, "", now=0)
    ready = Readiness(
        ready=False,
        because="Every target rests.",
        resting=(
            Resting(what="local,a", state="open", for_s=75.0, because="server"),
            Resting(what="key k of local", state="half_open", for_s=0.0, because="auth"),
        ),
        limits=(Load(what="provider local", requests=3, requests_per_min=5, tokens=9, running=1),),
        budgets=(Spent(what="$4.50 of $5.00 today for all providers", level="warn", resets_at=0.0),),
    )
    text = as_text(msgspec.structs.replace(status, readiness=ready))
    for line in (
        "not ready  Every target rests.",
        "local,a: left alone for 1 min 15 s more, after server",
        "key k of local: the next request tries it, after auth",
        "provider local: 3 of 5 requests a minute",
        "$4.50 of $5.00 today for all providers (nearly spent)",
    ):
        assert line in text


def test_a_service_of_code_says_how_long_it_lives() -> None:
    """Who relies on it should know that it ends with its users."""
    state = msgspec.structs.replace(STATE, started_by="code")
    found = Service(Situation.RUNNING, state, Health(instance="t"))
    assert "until the last `ccr code` has left" in as_text(describe(HOME, found, CONFIG, "", now=0))
