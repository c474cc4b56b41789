"""Times within which scores mean the same: one judge, one prompt, one rubric, and the same models compared. Pure.

A judge's change is told by `Pair.epoch`. A model's change is told by time: when a tier's last pair with the old model lies
before its first with the new one, a new epoch began there; models of a tier that take turns are one epoch.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence

import msgspec

from claude_code_router.core.score import Pair


class Epoch(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    """The judge's epoch, with `/1` behind it for the models before the current ones, `/2` for those before them, …"""
    judge_epoch: str
    """`Pair.epoch`."""
    judge: str
    targets: tuple[str, ...]
    """All that answered in it."""
    since: float
    """Unix seconds; its first and its last pair."""
    until: float
    pairs: int


def epochs_of(pairs: Sequence[Pair]) -> tuple[list[Epoch], list[str]]:
    """The epochs, newest first, and each pair's label."""
    changes = _model_changes(pairs)
    labels = [_label(pair, changes[pair.namespace]) for pair in pairs]
    members: dict[str, list[Pair]] = {}
    for label, pair in zip(labels, pairs, strict=True):
        members.setdefault(label, []).append(pair)
    epochs = [_epoch(label, found) for label, found in members.items()]
    return sorted(epochs, key=lambda epoch: (-epoch.until, epoch.label)), labels


def newest_with(epochs: Sequence[Epoch], counts: Mapping[str, int], minimum: int) -> str:
    """The label of the newest epoch with enough pairs; empty when none has."""
    return next((epoch.label for epoch in epochs if counts.get(epoch.label, 0) >= minimum), "")


def _label(pair: Pair, changes: Sequence[float]) -> str:
    later = len(changes) - bisect.bisect_right(changes, pair.at)
    return f"{pair.epoch}/{later}" if later else pair.epoch


def _model_changes(pairs: Sequence[Pair]) -> dict[str, list[float]]:
    """By namespace, the times at which a tier began to be answered by models that had not overlapped with those before."""
    spans: dict[tuple[str, str], dict[str, tuple[float, float]]] = {}
    changes: dict[str, list[float]] = {}
    for pair in pairs:
        changes.setdefault(pair.namespace, [])
        for tier, target in ((pair.served_tier, pair.served_target), (pair.other_tier, pair.other_target)):
            of_tier = spans.setdefault((pair.namespace, tier), {})
            first, last = of_tier.get(target, (pair.at, pair.at))
            of_tier[target] = (min(first, pair.at), max(last, pair.at))
    for (namespace, _), of_tier in spans.items():
        changes[namespace].extend(_gaps(sorted(of_tier.values())))
    return {namespace: sorted(times) for namespace, times in changes.items()}


def _gaps(spans: Sequence[tuple[float, float]]) -> list[float]:
    """Where, of spans in order of their beginning, one begins after all before it have ended."""
    found: list[float] = []
    ended = spans[0][1]
    for first, last in spans[1:]:
        if first > ended:
            found.append(first)
        ended = max(ended, last)
    return found


def _epoch(label: str, pairs: Sequence[Pair]) -> Epoch:
    newest = max(pairs, key=lambda pair: pair.at)
    return Epoch(
        label=label,
        judge_epoch=newest.epoch,
        judge=newest.judge,
        targets=tuple(sorted({target for pair in pairs for target in (pair.served_target, pair.other_target)})),
        since=min(pair.at for pair in pairs),
        until=newest.at,
        pairs=len(pairs),
    )
