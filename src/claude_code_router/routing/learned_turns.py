"""A score once for each turn of a person; its tool results keep it, though the model be exchanged meanwhile. No clock, no disk:
the model is an argument."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import msgspec

from claude_code_router.core.learned_score import LearnedScore
from claude_code_router.core.signals import Signals
from claude_code_router.routing.declared import Tier
from claude_code_router.routing.learned import (
    LearnedModel,
    LearnedSettings,
    Turn,
    facts_of,
    gain,
    needed,
    score,
    task_of,
)

_REMEMBERED = 1024


class Loaded(msgspec.Struct, frozen=True):
    """A model file that is in force."""

    model: LearnedModel
    epoch: str


def scored(
    signals: Signals, settings: LearnedSettings, tiers: Mapping[str, Tier], loaded: Loaded
) -> LearnedScore | None:
    """None where nothing was learnt: a prompt's size alone moves nobody's requests."""
    model = loaded.model
    if model.method == "size":
        return None
    said = signals.last_user_text
    turn = Turn(
        text=said,
        task=task_of(signals.words, signals.category) if model.method == "table" else "",
        facts=facts_of(signals) if model.method == "facts" else (),
    )
    threshold = model.threshold if settings.share is None else model.threshold_for(settings.share)
    found, enough = gain(turn, model), needed(said, model, threshold)
    up = found > enough
    return LearnedScore(
        score=round(score(turn, model, threshold), 4),
        gain=round(found, 4),
        needed=round(enough, 4),
        tier=_tier(tiers, settings.heavy or model.heavy, last=True)
        if up
        else _tier(tiers, settings.light or model.light),
        method=model.method,
        epoch=loaded.epoch,
    )


def _tier(tiers: Mapping[str, Tier], name: str, *, last: bool = False) -> str:
    """The owner's tier of that name; else the strongest, or the weakest."""
    if name in tiers or not tiers:
        return name
    names = list(tiers)
    return names[-1] if last else names[0]


class LearnedTurns:
    """Bounded; what was longest not asked for is forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, str, str], LearnedScore] = OrderedDict()

    def of(
        self, signals: Signals, settings: LearnedSettings, tiers: Mapping[str, Tier], loaded: Loaded | None
    ) -> LearnedScore | None:
        """None for what no person said, and where there is no model."""
        if signals.kind not in ("user", "tool_result") or not signals.last_user_text:
            return None
        key = (signals.namespace, signals.session, signals.agent_id, signals.prompt_hash)
        found = self._known.get(key) if signals.kind == "tool_result" else None
        if found is None and loaded is not None:
            found = scored(signals, settings, tiers, loaded)
        if found is not None:
            self._known[key] = found
            self._known.move_to_end(key)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found
