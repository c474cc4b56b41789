"""What the owner's config says about routing, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from claude_code_router.catalog.cards import ModelCard, card
from claude_code_router.core.escalation import EscalationSettings
from claude_code_router.core.target import Target
from claude_code_router.routing.declared import DeclaredRule, Tier, Use
from claude_code_router.routing.difficulty import DifficultySettings
from claude_code_router.routing.hearing import Listening
from claude_code_router.routing.learned import LearnedSettings

Scenario = Literal[
    "default", "background", "think", "longContext", "webSearch", "image", "compaction", "classifier", "subagent"
]
SCENARIOS: tuple[Scenario, ...] = (
    "default", "background", "think", "longContext", "webSearch", "image", "compaction", "classifier", "subagent",
)  # fmt: skip

ThinkTrigger = Literal["budget", "effort", "ultrathink", "plan", "adaptive"]
DEFAULT_THINK_TRIGGERS: frozenset[ThinkTrigger] = frozenset({"budget", "effort", "ultrathink", "plan"})

DEFAULT_LONG_CONTEXT_THRESHOLD_TOKENS = 60_000  # the npm tool's own default


class GuardSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What no rule may do."""

    window: bool = True
    """Send a prompt to a model whose window is known not to hold it with its output."""
    ambiguous: str = ""
    """The weakest tier for prompts of a few words; empty: any."""
    chain: str = ""
    """The weakest tier for steps inside a tool loop; empty: any."""


class RoutingTable(msgspec.Struct, frozen=True, kw_only=True):
    """The global one, or a project's or session's override of it."""

    scenarios: Mapping[Scenario, Target]
    """Destination per task type; a missing key means that the task type is not routed on its own."""
    fallback: Mapping[Scenario, tuple[Target, ...]] = {}
    """What to try, in order, after a scenario's own target failed."""
    long_context_threshold_tokens: int = DEFAULT_LONG_CONTEXT_THRESHOLD_TOKENS
    think_when: frozenset[ThinkTrigger] = DEFAULT_THINK_TRIGGERS
    models: Mapping[str, tuple[str, ...]] = {}
    """Every provider by its name as the owner wrote it, with its listed models: what explicit selectors are matched against."""
    cards: Mapping[Target, ModelCard] = {}
    """Of those targets of whose models the owner says something himself."""
    describe_images: bool = False
    """The image target puts pictures into words; the conversation stays with its own model."""
    declared: tuple[DeclaredRule, ...] = ()
    """The owner's own rules, in their order."""
    placed: frozenset[str] = frozenset()
    """Made of them: the rules that some are asked before; the empty name is before all."""
    tiers: Mapping[str, Tier] = {}
    """By name, the weakest first."""
    aliases: Mapping[str, Use] = {}
    """By lower-case name."""
    guards: GuardSettings | None = None
    """None: nothing is guarded."""
    difficulty: DifficultySettings | None = None
    """The judge of turns that the cheap signals leave open; None: nobody is asked."""
    escalation: EscalationSettings | None = None
    """When quality asks for a stronger tier; None: never."""
    learned: LearnedSettings | None = None
    """What was learnt from outcomes, as a rule; None: it is not asked."""
    sticky: bool = False
    """Whether a session's warm cache has the last word (routing.stickiness)."""
    listening: Listening | None = None
    """What the declared rules want to be looked up beforehand; None: nothing."""
    shadow: RoutingTable | None = None
    """Decides beside this one; nothing is sent by it."""
    config_hash: str = ""

    def card_of(self, target: Target) -> ModelCard:
        return self.cards.get(target) or card(target.model)

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "placed", frozenset(one.before for one in self.declared))
