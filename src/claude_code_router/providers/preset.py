"""What we know of a vendor, as data. Each vendor has one file under `presets/`, and its name appears nowhere else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

import msgspec

from claude_code_router.dialects.anthropic_messages.relay_quirks import NOTHING, RelayChange, RelayQuirks
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks, QuirkChange
from claude_code_router.providers.installed import load_installed, log
from claude_code_router.providers.provider import AuthStyle, Hosting, ProviderDialect

Options = Mapping[str, object]


class ModelRule(msgspec.Struct, frozen=True, kw_only=True):
    """A change for some of the vendor's models."""

    models: str
    """A regular expression, searched in the lower-case model id."""
    change: QuirkChange

    def fits(self, model: str) -> bool:
        return re.search(self.models, model.lower()) is not None


class RelayRule(msgspec.Struct, frozen=True, kw_only=True):
    """A change of what is relayed, for some of the vendor's models."""

    models: str
    """A regular expression, searched in the lower-case model id."""
    change: RelayChange

    def fits(self, model: str) -> bool:
        return re.search(self.models, model.lower()) is not None


class Caution(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner should know before using some of the vendor's models."""

    models: str
    """A regular expression, searched in the lower-case model id."""
    expected: str
    """What would be right, as a sentence."""

    def fits(self, model: str) -> bool:
        return re.search(self.models, model.lower()) is not None


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What a classic transformer name means for one provider or model."""

    fields: Mapping[str, object] = {}
    """Replaced fields of `ChatQuirks`."""
    dialect: ProviderDialect | None = None
    auth: AuthStyle | None = None
    warning: str = ""
    """What would be right, when the name is not carried out as the npm tool does; empty otherwise."""


class Transformer(msgspec.Struct, frozen=True, kw_only=True):
    """A classic transformer name."""

    name: str
    does: str
    """One sentence for the documentation: what we do where the name is used."""
    effect: Callable[[Options, str, ChatQuirks], Effect]
    """(options, model, quirks so far) -> effect. The model is empty for the provider as a whole."""
    options: tuple[str, ...] = ()
    """Names of the options that are read; `*` takes any."""


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    title: str
    hosts: tuple[str, ...] = ()
    """A host fits when it is one of these or a subdomain of one."""
    host_pattern: str = ""
    """A regular expression that a whole host matches, where regions stand in front of the name."""
    loopback_ports: tuple[int, ...] = ()
    """For servers on the owner's machine: their default port."""
    endpoints: Mapping[ProviderDialect, str]
    """Complete endpoint by dialect; the first is the one that a bare base URL means."""
    auth: Mapping[ProviderDialect, AuthStyle] = {}
    """Where it differs from the dialect's own style (`x-api-key` for anthropic, `bearer` for the others)."""
    native_urls: tuple[tuple[str, ProviderDialect], ...] = ()
    """URLs (regular expressions) of the vendor that mean another dialect than `endpoints` has."""
    quirks: tuple[QuirkChange, ...] = ()
    model_rules: tuple[ModelRule, ...] = ()
    """All that fit apply, in order, after `quirks`."""
    relay: tuple[RelayChange, ...] = ()
    """What its anthropic endpoint must not receive."""
    relay_rules: tuple[RelayRule, ...] = ()
    """All that fit apply, in order, after `relay`."""
    cautions: tuple[Caution, ...] = ()
    hosting: Hosting = ""
    """The cloud that wraps the anthropic dialect in its own URLs, bodies and frames."""
    counts_tokens: bool = False
    """Its anthropic endpoint has `/v1/messages/count_tokens`."""
    transformers: tuple[Transformer, ...] = ()
    """The classic transformer names that carry this vendor's name."""

    def serves_host(self, host: str, port: int | None, *, loopback: bool) -> bool:
        if loopback:
            return port in self.loopback_ports
        if self.host_pattern and re.fullmatch(self.host_pattern, host):
            return True
        return any(host == known or host.endswith("." + known) for known in self.hosts)

    def relay_for(self, model: str) -> RelayQuirks:
        """With an empty model: what holds for the vendor as a whole."""
        quirks = NOTHING
        for change in self.relay:
            quirks = change.apply(quirks)
        for rule in self.relay_rules:
            if model and rule.fits(model):
                quirks = rule.change.apply(quirks)
        return quirks

    def quirks_for(self, model: str) -> ChatQuirks:
        """With an empty model: those of the vendor as a whole."""
        quirks = ChatQuirks()
        for change in self.quirks:
            quirks = change.apply(quirks)
        for rule in self.model_rules:
            if model and rule.fits(model):
                quirks = rule.change.apply(quirks)
        return quirks


@cache
def load_presets() -> Mapping[str, Preset]:
    """Every file of `presets/`, by name, and those of installed packages. A file is a vendor: nothing else has to be
    touched to add one."""
    import importlib
    import pkgutil

    from claude_code_router.providers import presets

    found: dict[str, Preset] = {}
    for module in pkgutil.iter_modules(presets.__path__):
        preset: Preset = importlib.import_module(f"{presets.__name__}.{module.name}").PRESET
        found[preset.name] = preset
    for own in load_installed("claude_code_router.providers"):
        if isinstance(own.value, Preset):
            found.setdefault(own.value.name, own.value)
        else:
            log.warning("%s: its provider %r is no Preset", own.distribution, own.name)
    return found
