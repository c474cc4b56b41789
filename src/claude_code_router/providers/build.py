"""One entry of the owner's `Providers` becomes a `Provider`."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from claude_code_router.core.errors import Problem
from claude_code_router.providers.provider import AuthStyle, Provider, ProviderDialect


class ProviderEntry(msgspec.Struct, frozen=True, kw_only=True):
    """As it stands in the config, interpolated, with the npm tool's names; the last five are ours."""

    name: str
    api_base_url: str
    """The complete endpoint; a base URL that is known to be one is completed, with a note."""
    api_key: str = ""
    models: tuple[str, ...] = ()
    transformer: Mapping[str, object] | None = None
    """`{"use": [name | [name, options]…], "<model>": {"use": […]}}`."""
    headers: Mapping[str, str] = {}
    """Sent with every request, besides authorisation."""
    dialect: str = ""
    """`anthropic` or `openai_chat`; empty: found from the transformer names and the URL."""
    auth: str = ""
    """`bearer`, `x-api-key` or `none`; empty: the preset's."""
    preset: str = ""
    """Name of a preset to use whatever the host is (a vLLM somewhere in the LAN); empty: found by host."""
    price: Mapping[str, Mapping[str, float]] = {}
    """Model (or `*`) -> USD per million tokens: input, output, cache_read, cache_write, cache_write_1h."""


def build_provider(entry: ProviderEntry, path: str) -> tuple[Provider, tuple[Problem, ...]]:
    """`path` is the entry's place in the file, such as `Providers[2]`. The problems are notes and warnings for the owner:
    the provider is usable in spite of them (their `line` is 0: the reader of the file knows it)."""
    del path
    dialect: ProviderDialect = "anthropic" if entry.api_base_url.rstrip("/").endswith("/messages") else "openai_chat"
    auth: AuthStyle = "x-api-key" if dialect == "anthropic" else "bearer"
    return (
        Provider(
            name=entry.name,
            url=entry.api_base_url,
            key=entry.api_key,
            models=entry.models,
            dialect=dialect,
            auth=auth if entry.api_key else "none",
            headers=entry.headers,
        ),
        (),
    )
