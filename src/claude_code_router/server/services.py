"""What the handlers share: the current config snapshot and the long-lived parts. Built in `assemble` only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

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


class Services:
    """One per process."""

    def __init__(
        self,
        *,
        snapshot: Snapshot,
        transport: Transport,
        memory: Memory,
        gate: Gate,
        expected_usd: Callable[[Target, Usage], float | None],
        recorder: Recorder,
        counters: Counters,
        traces: Traces,
        watching: Watching,
        asking: Asking,
        sight: Sight,
        escalations: Escalations,
        calibration: Calibration,
        judge: DifficultyJudge,
        scorer: Scorer,
        learned: LearnedModels,
        sessions: Sessions,
        rates_of: RatesOf,
        labels: Labels,
        overrides: Overrides,
        custom: CustomRouter,
        rules: Sequence[Rule],
        transforms: Sequence[Transform],
        instance: str,
        clock: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self.snapshot = snapshot
        self.transport = transport
        self.memory = memory
        self.gate = gate
        self.expected_usd = expected_usd
        self.recorder = recorder
        self.counters = counters
        self.traces = traces
        self.watching = watching
        self.asking = asking
        self.sight = sight
        self.escalations = escalations
        self.calibration = calibration
        self.judge = judge
        self.scorer = scorer
        self.learned = learned
        self.sessions = sessions
        self.rates_of = rates_of
        self.labels = labels
        self.overrides = overrides
        self.custom = custom
        self.rules = rules
        self.transforms = transforms
        """Of installed packages; usually none."""
        self.instance = instance
        """Proves to `ccr` that the process on the port is the one it started."""
        self.clock = clock
        """Monotonic seconds."""
        self.now = now
        """Unix seconds."""
