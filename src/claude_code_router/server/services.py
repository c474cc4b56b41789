"""What the handlers share: the current config snapshot and the long-lived parts. Built in `assemble` only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from claude_code_router.config.learned_models import LearnedModels
from claude_code_router.config.overrides import Overrides
from claude_code_router.config.settings import Config
from claude_code_router.core.target import Target
from claude_code_router.core.usage import Usage
from claude_code_router.delivery.ask import Asking
from claude_code_router.delivery.gate import Gate
from claude_code_router.delivery.memory import Memory
from claude_code_router.delivery.sight import Sight
from claude_code_router.delivery.transport import Transport
from claude_code_router.improve.alerts.watching import Watching
from claude_code_router.plugins.custom import CustomRouter
from claude_code_router.plugins.installed import Transform
from claude_code_router.quality.difficulty import DifficultyJudge
from claude_code_router.quality.escalations import Escalations
from claude_code_router.quality.scorer import Scorer
from claude_code_router.routing.categories import Labels
from claude_code_router.routing.engine import Rule
from claude_code_router.routing.sessions import Sessions
from claude_code_router.routing.stickiness import RatesOf
from claude_code_router.routing.tokens import Calibration
from claude_code_router.server.counters import Counters
from claude_code_router.server.otel import Traces
from claude_code_router.store.recorder import Recorder


class Snapshot(Protocol):
    """The config in force. A request reads `current` once and keeps what it got."""

    current: Config
    error: str | None
    """Why the file on disk is not in force; None when it is."""
    gate: str
    """What the reload gate does or says about the last edit, when it did not refuse it; empty: nothing."""


class Services(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One per process. Grouped by what they are for."""

    snapshot: Snapshot
    overrides: Overrides
    instance: str
    """Proves to `ccr` that the process on the port is the one it started."""
    clock: Callable[[], float]
    """Monotonic seconds."""
    now: Callable[[], float]
    """Unix seconds."""

    # to decide
    calibration: Calibration
    sessions: Sessions
    rates_of: RatesOf
    labels: Labels
    judge: DifficultyJudge
    learned: LearnedModels
    custom: CustomRouter
    rules: Sequence[Rule]
    escalations: Escalations

    # to deliver
    transport: Transport
    memory: Memory
    gate: Gate
    expected_usd: Callable[[Target, Usage], float | None]
    sight: Sight
    asking: Asking
    transforms: Sequence[Transform]
    """Of installed packages; usually none."""

    # to know afterwards
    recorder: Recorder
    scorer: Scorer
    counters: Counters
    traces: Traces
    watching: Watching
