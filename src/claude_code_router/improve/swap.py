"""One target in another's place, everywhere in the owner's file. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from claude_code_router.config.places import Place, spell
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
    """Place to value, for `config.edit`: every mention, and the new model among its provider's."""
    changes: dict[str, Any] = {}
    for section in _ROUTES:
        if section in data:
            changes |= {spell(place): str(new) for place in _mentions(data[section], (section,), old)}
    providers = data.get("Providers") or data.get("providers")
    if changes and isinstance(providers, list):
        changes |= _listed(providers, new)
    return changes


def _mentions(value: object, at: Place, old: Target) -> Iterator[Place]:
    if isinstance(value, str) and _names(value, old):
        yield at
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _mentions(inner, (*at, str(key)), old)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _mentions(inner, (*at, index), old)


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
