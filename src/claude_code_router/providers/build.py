"""One entry of the owner's `Providers` becomes a `Provider`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import get_args

import msgspec

from claude_code_router.catalog.cards import OwnCard
from claude_code_router.core.errors import Problem
from claude_code_router.dialects.anthropic_messages.relay_quirks import NOTHING
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks, QuirkChange
from claude_code_router.providers import endpoint
from claude_code_router.providers.preset import Effect, Options, Preset, Transformer, load_presets
from claude_code_router.providers.provider import SPOKEN, AuthStyle, Provider, ProviderDialect
from claude_code_router.providers.transformers import find_transformer


class ProviderEntry(msgspec.Struct, frozen=True, kw_only=True):
    """As it stands in the config, interpolated, with the npm tool's names; the last six are ours."""

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
    """`anthropic`, `gemini`, `openai_chat` …; empty: found from the transformer names and the URL."""
    auth: str = ""
    """`bearer`, `x-api-key` or `none`; empty: the preset's."""
    preset: str = ""
    """Name of a preset to use whatever the host is (a vLLM somewhere in the LAN); empty: found by host."""
    cards: Mapping[str, OwnCard] = {}
    """Model -> what the owner knows of it."""
    price: Mapping[str, Mapping[str, float]] = {}
    """Model (or `*`) -> USD per million tokens: input, output, cache_read, cache_write, cache_write_1h."""


class _Use(msgspec.Struct, frozen=True):
    """One element of a `use` list that is known."""

    transformer: Transformer
    options: Options
    path: str

    def effect(self, model: str, quirks: ChatQuirks) -> Effect:
        return self.transformer.effect(self.options, model, quirks)

    def change(self, model: str, quirks: ChatQuirks) -> QuirkChange:
        return QuirkChange(source=f"transformer {self.transformer.name}", fields=self.effect(model, quirks).fields)


class _Notes:
    """The problems found on the way, in order."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, path: str, found: str, expected: str) -> None:
        self.problems.append(Problem(path=path, line=0, found=found, expected=expected))


def build_provider(entry: ProviderEntry, path: str) -> tuple[Provider, tuple[Problem, ...]]:
    """`path` is the entry's place in the file, such as `Providers[2]`. The problems are notes and warnings for the owner:
    the provider is usable in spite of them, or refuses its requests with a sentence (their `line` is 0: the reader of the
    file knows it)."""
    notes = _Notes()
    preset = _preset(entry, path, notes)
    shared, by_model = _uses(entry.transformer or {}, f"{path}.transformer", notes)
    dialect, url = _dialect_and_url(entry, path, preset, shared, notes)
    quirks_of = _quirks_of(preset if dialect != "anthropic" else None, shared, by_model)
    models = dict.fromkeys((*entry.models, *by_model))
    _warn_of_effects(shared, by_model, dialect, quirks_of, notes)
    _warn_of_models(entry, path, preset, dialect, notes)
    provider = Provider(
        name=entry.name,
        url=url,
        key=entry.api_key,
        models=entry.models,
        dialect=dialect,
        auth=_auth(entry, path, preset, dialect, shared, notes),
        headers={name.lower(): value for name, value in entry.headers.items()},
        quirks=quirks_of(""),
        model_quirks={model: quirks_of(model) for model in models} if dialect != "anthropic" else {},
        quirks_of_unlisted=quirks_of if dialect != "anthropic" else None,
        relay=preset.relay_for("") if preset is not None and dialect == "anthropic" else NOTHING,
        relay_of=cache(preset.relay_for) if preset and preset.relay_rules and dialect == "anthropic" else None,
        counts_tokens=preset is not None and preset.counts_tokens and dialect == "anthropic",
        prices=entry.price,
        hosting=preset.hosting if preset is not None and dialect == "anthropic" else "",
        cards=entry.cards,
        preset=preset.name if preset else "",
    )
    return provider, tuple(notes.problems)


def _preset(entry: ProviderEntry, path: str, notes: _Notes) -> Preset | None:
    found = endpoint.find_preset(entry.api_base_url)
    if not entry.preset:
        return found
    named = load_presets().get(entry.preset)
    if named is None:
        notes.add(f"{path}.preset", f"`{entry.preset}`", f"one of: {', '.join(load_presets())}")
    return named or found


def _uses(raw: Mapping[str, object], path: str, notes: _Notes) -> tuple[list[_Use], dict[str, list[_Use]]]:
    """The provider's own list, and those of single models."""
    shared = list(_use_list(raw.get("use", ()), f"{path}.use", notes))
    by_model: dict[str, list[_Use]] = {}
    for model, value in raw.items():
        if model == "use":
            continue
        if isinstance(value, Mapping):
            by_model[model] = list(_use_list(value.get("use", ()), f"{path}.{model}.use", notes))
        else:
            notes.add(f"{path}.{model}", type(value).__name__, 'an object such as {"use": ["maxcompletiontokens"]}')
    return shared, by_model


def _use_list(raw: object, path: str, notes: _Notes) -> Iterator[_Use]:
    if isinstance(raw, str):
        raw = (raw,)
    if not isinstance(raw, list | tuple):
        notes.add(path, type(raw).__name__, 'a list of names, such as ["Anthropic"]')
        return
    for index, element in enumerate(raw):
        where = f"{path}[{index}]"
        name, options = _name_and_options(element)
        if name is None:
            notes.add(where, type(element).__name__, 'a name, or ["name", {options}]')
            continue
        transformer, right = find_transformer(name)
        if right:
            notes.add(where, f"`{name}`", right)
        if transformer is not None:
            yield _Use(transformer, options, where)


def _name_and_options(element: object) -> tuple[str | None, Options]:
    if isinstance(element, str):
        return element, {}
    if not isinstance(element, list | tuple) or not element or not isinstance(element[0], str):
        return None, {}
    options = element[1] if len(element) > 1 else {}
    return element[0], options if isinstance(options, Mapping) else {}


def _dialect_and_url(
    entry: ProviderEntry, path: str, preset: Preset | None, shared: list[_Use], notes: _Notes
) -> tuple[ProviderDialect, str]:
    where = f"{path}.api_base_url"
    asked = _asked_dialect(entry, path, shared, notes)
    if endpoint.split(entry.api_base_url) is None:
        notes.add(
            where, f"`{endpoint.shown(entry.api_base_url)}`", "a complete URL, such as https://host/v1/chat/completions"
        )
        return asked or "openai_chat", entry.api_base_url
    if asked is None and preset is not None:
        asked = _native(entry.api_base_url, preset)
    if asked is None or asked in SPOKEN:
        url, dialect = endpoint.complete(entry.api_base_url, preset, asked)
        if url != entry.api_base_url:
            notes.add(
                where,
                f"the base URL {endpoint.shown(entry.api_base_url)}",
                f"the complete endpoint; {endpoint.shown(url)} is used (nothing to do)",
            )
        if dialect in SPOKEN:
            return dialect, url
        asked = dialect
    return _unspoken(entry, where, asked, notes)


def _native(url: str, preset: Preset) -> ProviderDialect | None:
    """The vendor's own protocol, when the URL means it."""
    if endpoint.dialect_of(url) is not None:
        return None
    return next((dialect for pattern, dialect in preset.native_urls if re.search(pattern, url)), None)


def _asked_dialect(entry: ProviderEntry, path: str, shared: list[_Use], notes: _Notes) -> ProviderDialect | None:
    """What the owner says: the `dialect` key first, then the transformer names; None leaves it to the URL."""
    if entry.dialect:
        for dialect in get_args(ProviderDialect):
            if entry.dialect == dialect:
                return entry.dialect  # type: ignore[return-value]  # narrowed by the comparison, which mypy cannot see
        notes.add(f"{path}.dialect", f"`{entry.dialect}`", f"one of: {', '.join(sorted(SPOKEN))}")
    named = [dialect for use in shared if (dialect := use.effect("", ChatQuirks()).dialect) is not None]
    if not named:
        return None
    by_url = endpoint.dialect_of(entry.api_base_url)
    if named[0] != "anthropic" and by_url in SPOKEN:
        return by_url
    if named[0] != "anthropic" or len(shared) == 1:
        return named[0]
    # Beside other names the npm tool's `Anthropic` does nothing and the upstream gets chat/completions: the URL knows better.
    return by_url or "anthropic"


def _unspoken(entry: ProviderEntry, where: str, asked: ProviderDialect, notes: _Notes) -> tuple[ProviderDialect, str]:
    notes.add(
        where,
        f"a provider that speaks {_SPOKEN_AS.get(asked, asked)}",
        f"one that speaks one of {', '.join(sorted(SPOKEN))}: this version does not speak the other, and refuses requests to "
        "this provider",
    )
    return asked, entry.api_base_url


_SPOKEN_AS: Mapping[ProviderDialect, str] = {"vertex": "Google's Vertex AI"}


def _quirks_of(
    preset: Preset | None, shared: list[_Use], by_model: Mapping[str, list[_Use]]
) -> Callable[[str], ChatQuirks]:
    """The order is the preset, the provider's transformers, the model's. A preset's quirks are those of its OpenAI-like
    endpoints."""

    def quirks_of(model: str) -> ChatQuirks:
        quirks = preset.quirks_for(model) if preset else ChatQuirks()
        for use in (*shared, *by_model.get(model, ())):
            quirks = use.change(model, quirks).apply(quirks)
        return quirks

    return quirks_of


def _warn_of_effects(
    shared: list[_Use],
    by_model: Mapping[str, list[_Use]],
    dialect: ProviderDialect,
    quirks_of: Callable[[str], ChatQuirks],
    notes: _Notes,
) -> None:
    pairs = [("", use) for use in shared] + [(model, use) for model, uses in by_model.items() for use in uses]
    for model, use in pairs:
        effect = use.effect(model, quirks_of(""))
        found = f"`{use.transformer.name}`"
        if effect.warning:
            notes.add(use.path, found, effect.warning)
        elif dialect == "anthropic" and effect.dialect is None:
            notes.add(
                use.path, found, "no such name beside an Anthropic endpoint: its requests are relayed as they are"
            )
        elif model and effect.dialect not in (None, dialect):
            notes.add(use.path, found, "the name in the provider's own `use`: one provider speaks one dialect")


def _warn_of_models(
    entry: ProviderEntry, path: str, preset: Preset | None, dialect: ProviderDialect, notes: _Notes
) -> None:
    if preset is None or dialect != "openai_chat":
        return
    for index, model in enumerate(entry.models):
        caution = next((caution for caution in preset.cautions if caution.fits(model)), None)
        if caution is not None:
            notes.add(f"{path}.models[{index}]", f"`{model}`", caution.expected)


_OWN_AUTH: Mapping[ProviderDialect, AuthStyle] = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}


def _auth(
    entry: ProviderEntry,
    path: str,
    preset: Preset | None,
    dialect: ProviderDialect,
    shared: list[_Use],
    notes: _Notes,
) -> AuthStyle:
    for style in get_args(AuthStyle):
        if entry.auth == style:
            return entry.auth  # type: ignore[return-value]  # narrowed by the comparison, which mypy cannot see
    if entry.auth:
        notes.add(f"{path}.auth", f"`{entry.auth}`", f"one of: {', '.join(get_args(AuthStyle))}")
    made = preset.auth.get(dialect) if preset else None
    if not entry.api_key:
        return made if made in ("google", "aws") else "none"
    for use in shared:
        named = use.effect("", ChatQuirks()).auth
        if named is not None:
            return named
    own = _OWN_AUTH.get(dialect, "bearer")
    if made in ("google", "aws"):
        # A key where one is not needed: Google's express keys, a token of the owner's own, Bedrock's API keys.
        return own if dialect == "gemini" else "bearer"
    return made or own
