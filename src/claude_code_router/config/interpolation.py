"""`$NAME` and `${NAME}` in string values, anywhere in the file, as the npm tool reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from claude_code_router.config.places import Place

_REFERENCE = re.compile(r"\$\{([^}]+)\}|\$([A-Z_][A-Z0-9_]*)")


class Unset(msgspec.Struct, frozen=True):
    """A reference to a variable that is not set, or is empty: left in the text as it stands."""

    place: Place
    variable: str
    whole: bool
    """The reference is the whole value."""


def interpolate(data: object, env: Mapping[str, str]) -> tuple[object, tuple[Unset, ...]]:
    """The data with its references resolved (keys are never touched), and those that could not be."""
    unset: list[Unset] = []
    return _walk(data, (), env, unset), tuple(unset)


def is_reference(value: str) -> bool:
    """The value is one reference and nothing else."""
    return _REFERENCE.fullmatch(value) is not None


def _walk(value: object, place: Place, env: Mapping[str, str], unset: list[Unset]) -> object:
    if isinstance(value, dict):
        return {key: _walk(inner, (*place, key), env, unset) for key, inner in value.items()}
    if isinstance(value, list):
        return [_walk(inner, (*place, index), env, unset) for index, inner in enumerate(value)]
    if not isinstance(value, str) or "$" not in value:
        return value

    def resolved(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        if found := env.get(name):
            return found
        unset.append(Unset(place, name, whole=is_reference(value)))
        return reference[0]

    return _REFERENCE.sub(resolved, value)
