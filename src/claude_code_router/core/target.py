"""Where a request may go."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec


class Target(msgspec.Struct, frozen=True):
    """A provider (by its name in the config) and a model (the upstream's id)."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider},{self.model}"


class Route(msgspec.Struct, frozen=True):
    """The whole plan, complete before the first byte leaves: a non-empty ordered tuple of targets."""

    targets: tuple[Target, ...]

    def __post_init__(self) -> None:
        if not self.targets:
            raise ValueError("a Route needs at least one Target")

    @property
    def first(self) -> Target:
        return self.targets[0]

    def __iter__(self) -> Iterator[Target]:
        return iter(self.targets)

    def __str__(self) -> str:
        return " → ".join(str(target) for target in self.targets)
