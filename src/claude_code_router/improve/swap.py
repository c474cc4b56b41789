"""One target in another's place, everywhere in the owner's file. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from claude_code_router.config.places import Place, Renamed, spell
from claude_code_router.core.target import Target

_ROUTES = (
    "Router",
    "fallback",
    "Tiers",
    "Rules",
    "Aliases",
    "Shadow",
    "Namespaces",
    "Difficulty",
    "Quality",
    "Escalation",
)
"""Sections in which targets stand."""


def swapped(data: Mapping[str, Any], old: Target, new: Target) -> dict[str, Any]:
    """Place to value, for `config.edit`: every mention, and the new model among its provider's. Where shares are given by
    percentages and both have one, the new one gets both."""
    changes: dict[str, Any] = {}
    for section in _ROUTES:
        if section in data:
            changes |= {spell(place): value for place, value in _mentions(data[section], (section,), old, new)}
    providers = data.get("Providers") or data.get("providers")
    if changes and isinstance(providers, list):
        changes |= _listed(providers, new)
    return changes


def _mentions(value: object, at: Place, old: Target, new: Target) -> Iterator[tuple[Place, object]]:
    if isinstance(value, str) and _names(value, old):
        yield at, str(new)
    elif isinstance(value, Mapping) and any(_names(str(key), old) for key in value):
        yield _shares(value, at, old, new)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _mentions(inner, (*at, str(key)), old, new)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _mentions(inner, (*at, index), old, new)


def _shares(shares: Mapping[str, Any], at: Place, old: Target, new: Target) -> tuple[Place, object]:
    """A single key is renamed, in its place and with the comments around it; several become one."""
    becoming = [key for key in shares if _names(key, old) or _names(key, new)]
    if len(becoming) == 1:
        return (*at, becoming[0]), Renamed(str(new))
    merged: dict[str, Any] = {}
    for key, percent in shares.items():
        name = str(new) if key in becoming else key
        merged[name] = round(merged[name] + percent, 6) if name in merged else percent
    return at, merged


def _names(text: str, target: Target) -> bool:
    lowered = text.replace(" ", "").lower()
    return lowered in (f"{target.provider},{target.model}".lower(), f"{target.provider}/{target.model}".lower())


def _listed(providers: list[Any], new: Target) -> dict[str, Any]:
    for index, provider in enumerate(providers):
        if isinstance(provider, Mapping) and str(provider.get("name", "")).lower() == new.provider.lower():
            models = provider.get("models")
            if isinstance(models, list) and new.model not in models:
                return {spell(("Providers", index, "models", len(models))): new.model}
    return {}
