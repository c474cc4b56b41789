"""`Namespaces`: lanes of their own. Each becomes a whole Config, so that what serves a request cannot be mixed up."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from claude_code_router.config import schema
from claude_code_router.config.access import budget_of, limits_of, unsendable_key
from claude_code_router.config.check import Checked, check_section, did_you_mean, problem
from claude_code_router.config.monitoring import alert_settings
from claude_code_router.config.places import Place
from claude_code_router.config.quality import quality_settings
from claude_code_router.config.reload_gate import reload_gate_settings
from claude_code_router.config.routes import routing_table
from claude_code_router.config.rules import KEYS, with_rules
from claude_code_router.config.settings import Config, Namespace, ReloadGateSettings
from claude_code_router.core.errors import Problem
from claude_code_router.providers.provider import Provider
from claude_code_router.quality.bands import AlertSettings
from claude_code_router.quality.settings import QualitySettings
from claude_code_router.routing.table import RoutingTable

_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
_ROUTES = ("Router", "fallback", *KEYS)


def with_namespaces(
    config: Config, top: Mapping[str, Any], is_unset: Callable[[Place], bool]
) -> tuple[Config, list[Problem], list[Problem]]:
    """The config with its namespaces, errors and warnings."""
    section = top.get("Namespaces")
    if not section:
        return config, [], []
    reading = _Reading(config, top, is_unset)
    found = {name: made for name, one in section.items() if (made := reading.namespace(name, one)) is not None}
    return msgspec.structs.replace(config, namespaces=found), reading.checked.errors, reading.warnings


class _Reading:
    def __init__(self, config: Config, top: Mapping[str, Any], is_unset: Callable[[Place], bool]) -> None:
        self.config = config
        self.top = top
        self.is_unset = is_unset
        self.checked = Checked()
        self.warnings: list[Problem] = []
        self.keys: dict[str, str] = {}

    def namespace(self, name: str, one: object) -> Namespace | None:
        place: Place = ("Namespaces", name)
        if not name or not _NAME_CHARACTERS.issuperset(name):
            self.checked.error(
                place, f"the name {name!r}", "small letters, digits, `-`, `_` and `.`: it stands in URLs"
            )
        section = check_section(schema.NamespaceSection, one, place, self.checked)
        if section is None or not isinstance(one, dict):
            return None
        known = schema.NamespaceSection.__struct_fields__
        for key in one.keys() - set(known):
            close = did_you_mean(key, known)
            self.checked.error((*place, key), f"the unknown key `{key}`", f"`{close}`?" if close else ", ".join(known))
        own = {key: value for key, value in one.items() if key in _ROUTES}
        table = self.config.table
        if own:
            routes = {key: self.top[key] for key in _ROUTES if key in self.top} | own
            table, errors, warnings = routing_table(routes, table.models, "")
            self.checked.errors += [_here(error, place, own) for error in errors]
            whole = self.config.table
            table = msgspec.structs.replace(table, describe_images=whole.describe_images, cards=whole.cards)
            table, more, _ = with_rules(table, routes)
            self.checked.errors += [_here(error, place, own) for error in more]
            self.warnings += [_here(warning, place, own) for warning in warnings if warning.path.split(".")[0] in own]
        digest = hashlib.sha256(f"{self.config.hash}/{name}".encode()).hexdigest()[:12]
        settings = self.config.settings
        settings = msgspec.structs.replace(
            settings,
            namespace_budget=budget_of(section.budget),
            limits=limits_of(section.limits) if section.limits else settings.limits,
            own_limits=section.limits is not None,
            quality=self._quality(one, table, place),
            alerts=self._alerts(one, place),
            reload_gate=self._reload_gate(one, table, place),
        )
        return Namespace(
            keys=self._client_keys(section, place),
            config=msgspec.structs.replace(
                self.config,
                settings=settings,
                providers=self._providers(section, place),
                table=msgspec.structs.replace(table, config_hash=digest),
                hash=digest,
            ),
        )

    def _quality(self, one: Mapping[str, Any], table: RoutingTable, place: Place) -> QualitySettings | None:
        """Its own section, or the file's read by its own tiers and rules: a name that it lacks is said there."""
        if not one.get("Quality") and table is self.config.table:
            return self.config.settings.quality
        said, at = (one, place) if one.get("Quality") else (self.top, ())
        settings, errors, warnings = quality_settings(said, table, at)
        self.checked.errors += errors
        self.warnings += warnings
        return settings

    def _alerts(self, one: Mapping[str, Any], place: Place) -> AlertSettings | None:
        """Its own only: the file's are about all requests together."""
        settings, errors = alert_settings(one, place)
        self.checked.errors += errors
        return settings

    def _reload_gate(self, one: Mapping[str, Any], table: RoutingTable, place: Place) -> ReloadGateSettings | None:
        """Its own only, as with alerts."""
        settings, errors = reload_gate_settings(one, table, place)
        self.checked.errors += errors
        return settings

    def _client_keys(self, section: schema.NamespaceSection, place: Place) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, key in section.keys.items():
            where = (*place, "keys", name)
            if self.is_unset(where):
                # Never the text `$NAME` as the password: anybody could guess it.
                self.checked.error(where, "a variable that is not set", "a key, or no entry")
            elif key in self.keys or key == self.config.settings.api_key:
                self.checked.error(where, "a key that opens another namespace, or everything", "a key of its own")
            else:
                self.keys[key] = name
                found[name] = key
        return found

    def _providers(self, section: schema.NamespaceSection, place: Place) -> dict[str, Provider]:
        providers = dict(self.config.providers)
        for name, key in section.provider_keys.items():
            where = (*place, "provider_keys", name)
            if name not in providers:
                close = did_you_mean(name, providers)
                self.checked.error(where, f"the provider {name}", f"{close}?" if close else "one of Providers")
            elif self.is_unset(where):
                self.checked.error(
                    where, "a variable that is not set", "a key, or no entry: then the provider's own is used"
                )
            else:
                self.checked.errors += unsendable_key(key.strip(), where)
                providers[name] = msgspec.structs.replace(providers[name], key=key.strip(), credentials=())
        return providers


def _here(one: Problem, place: Place, own: Mapping[str, Any]) -> Problem:
    """Where it stands in the file: in the namespace, or in what it shares with all."""
    head = one.path.split(".")[0].split("[")[0]
    if head not in own:
        return one
    return msgspec.structs.replace(
        problem(place, one.found, one.expected), path=f"{problem(place, '', '').path}.{one.path}"
    )
