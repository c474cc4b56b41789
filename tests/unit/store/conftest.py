"""A record as the server makes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from claude_code_router.core.attempt import Attempt
from claude_code_router.core.decision import Choose, Decision, Pass, Refuse
from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.record import Outcome, Record
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.core.usage import Usage
from claude_code_router.store.location import sqlite_url

HEAVY, LIGHT = Target("openrouter", "anthropic/claude-opus-4.6"), Target("local", "qwen")
ROUTE = Route((HEAVY, LIGHT))
EXAMPLE = Record(
    id="req_0",
    at=1_000.0,
    path="/v1/messages",
    outcome=Outcome.DELIVERED,
    status=200,
    signals=Signals(
        model="claude-opus-4-6",
        stream=True,
        tokens=1_000,
        session="s1",
        namespace="reviews",
        user_agent="claude-cli/2",
        request_class="main",
        tools=("Bash", "Read"),
        prompt_hash="ab12",
        last_user_text="a private question",
    ),
    decision=Decision(
        route=ROUTE,
        rule="think",
        scenario="think",
        because="effort max is above the default",
        verdicts=(
            Pass("image", "no image"),
            Choose("think", ROUTE, "effort max is above the default", "think"),
            Refuse("late", "no", "x"),
        ),
        config_hash="c0ffee",
    ),
    attempts=(
        Attempt(
            target=HEAVY,
            started_ms=1.0,
            ended_ms=90.0,
            status=529,
            failure=Failure(
                kind=FailureKind.OVERLOADED,
                fault="upstream",
                message="Overloaded, key sk-ant-abcdefgh12345678",
                status=529,
                error_type="overloaded_error",
                retry_after_s=1.5,
            ),
        ),
        Attempt(
            target=LIGHT,
            started_ms=91.0,
            first_event_ms=300.0,
            ended_ms=800.0,
            status=200,
            usage=Usage(input_tokens=100, cache_read_tokens=700, cache_write_tokens=200, output_tokens=50),
            stop_reason="end_turn",
            upstream_model="qwen3",
        ),
    ),
    first_event_ms=301.0,
    total_ms=801.0,
    estimate_raw=950.5,
)

Make = Callable[..., Record]


@pytest.fixture
def make() -> Make:
    """`make(id="req_1", at=…)`: the example with these fields instead; `signals=` and the like as whole values."""

    def changed(**fields: object) -> Record:
        return msgspec.structs.replace(EXAMPLE, **fields)

    return changed


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "home" / "records.sqlite")
