"""Fixtures of the parts that need outside programs: absent, they are skipped, unless CCR_E2E_REQUIRED is set."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.client import claude_binary
from tests.e2e.stage import Answer, Mode, Stage, play

Play = Callable[..., AbstractAsyncContextManager[Stage]]

MODES = tuple((os.environ.get("CCR_E2E_MODES") or "relay,translate").split(","))


@pytest.fixture(scope="session")
def claude() -> Path:
    binary = claude_binary()
    if binary is None:
        if os.environ.get("CCR_E2E_REQUIRED"):
            pytest.fail("the real Claude Code CLI is not in the cache; .ci/run installs it")
        pytest.skip("the real Claude Code CLI is not in the cache; .ci/run installs it")
    return binary


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    chosen: Mode = request.param
    return chosen


@pytest.fixture
def stage(mode: Mode, claude: Path, tmp_path: Path) -> Play:
    """`async with stage(answer, routes=…) as s:` in the mode of this run."""

    def begin(answer: Answer, **options: Any) -> AbstractAsyncContextManager[Stage]:
        return play(mode, claude, tmp_path, answer, **options)

    return begin
