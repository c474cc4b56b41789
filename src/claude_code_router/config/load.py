"""The owner's file becomes one `Config`: read, interpolated, checked, resolved. All problems are said at once."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from claude_code_router.catalog.cards import ModelCard, OwnCard
from claude_code_router.config import json5_file, schema
from claude_code_router.config.access import Network, budget_of, credentials_of, limits_of, unsendable, with_access
from claude_code_router.config.check import Checked, check_section, did_you_mean, problem
from claude_code_router.config.custom_router import custom_router
from claude_code_router.config.delivery import delivery_settings
from claude_code_router.config.interpolation import Unset, interpolate
from claude_code_router.config.monitoring import alert_settings, monitoring_settings
from claude_code_router.config.monitoring import section_at as monitoring_section
from claude_code_router.config.namespaces import with_namespaces
from claude_code_router.config.places import Place, spell
from claude_code_router.config.quality import quality_settings
from claude_code_router.config.redaction import is_secret
from claude_code_router.config.reload_gate import reload_gate_settings
from claude_code_router.config.routes import routing_table
from claude_code_router.config.rules import with_rules
from claude_code_router.config.schema_difficulty import DifficultySection
from claude_code_router.config.schema_escalation import (
    EscalationSection,
    HoldSection,
    NextTurnSection,
    StallSection,
)
from claude_code_router.config.schema_learned import LearnedSection
from claude_code_router.config.schema_quality import PairsSection, QualitySection
from claude_code_router.config.schema_reload_gate import ReloadGateSection
from claude_code_router.config.section import Section
from claude_code_router.config.settings import Config, Settings
from claude_code_router.core.errors import ConfigError, Problem
from claude_code_router.core.target import Target
from claude_code_router.delivery.network import no_proxy_entries
from claude_code_router.plugins.settings import CustomRouterSettings
from claude_code_router.providers.build import ProviderEntry, build_provider
from claude_code_router.providers.provider import Provider

_EDITORS_KEY = "$schema"
_TWO_NAMES = (("Providers", "providers"), ("plugins", "Plugins"))
_PROXY_KEYS = ("HTTPS_PROXY", "https_proxy", "httpsProxy", "PROXY_URL")
_ENVIRONMENT_KEYS = frozenset(
    {"ANTHROPIC_SMALL_FAST_MODEL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", *_PROXY_KEYS}
)
_NOT_YET = {
    "REWRITE_SYSTEM_PROMPT": "this version does not rewrite the system prompt; it is passed on as it came",
    "transformers": "this version does not run JavaScript transformers; the built-in names in `transformer.use` work",
    "StatusLine": "this version draws no status line",
    "plugins": "this version does not run plugins",
}


def load(path: Path, env: Mapping[str, str]) -> Config:
    """A missing file is the careful default: no providers, this machine only. Raises ConfigError with every problem."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return load_text("{}", str(path), env)
    except UnicodeDecodeError:
        raise ConfigError(str(path), [problem((), "bytes that are not UTF-8", "a text file in UTF-8")]) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(str(path), [problem((), reason, "a file that this user may read")]) from None
    return load_text(text, str(path), env)


def load_text(text: str, file: str, env: Mapping[str, str]) -> Config:
    """`file` is only for messages. Raises ConfigError with every problem."""
    return _Loading(json5_file.parse(text, file), file, env).config()


class _Loading:
    """One pass over one file; collects errors and warnings on the way."""

    def __init__(self, document: json5_file.Document, file: str, env: Mapping[str, str]) -> None:
        self.document = document
        self.file = file
        self.env = env
        self.checked = Checked(raw=_one_name_each(document))
        self.warnings: list[Problem] = []
        self.unset: tuple[Unset, ...] = ()

    def config(self) -> Config:
        data, self.unset = interpolate(self.checked.raw, self.env)
        file = check_section(schema.File, data, (), self.checked)
        top: dict[str, Any] = data if isinstance(data, dict) else {}
        self._warn_unset()
        self._warn_unknown()
        providers = self._providers(top, self._network(file, top))
        digest = hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()[:12]
        table, errors, warnings = routing_table(top, _models(top), digest)
        table = msgspec.structs.replace(table, cards=_own_cards(providers.values()))
        self.checked.errors += errors
        self.warnings += warnings
        table, errors, warnings = with_rules(table, top)
        self.checked.errors += errors
        self.warnings += warnings
        quality, errors, warnings = quality_settings(top, table)
        self.checked.errors += errors
        self.warnings += warnings
        alerts, errors = alert_settings(top)
        monitoring, more = monitoring_settings(top)
        gate, problems = reload_gate_settings(top, table)
        self.checked.errors += [*errors, *more, *problems]
        if self.checked.errors or file is None:
            raise ConfigError(self.file, self._placed(self.checked.errors))
        settings = msgspec.structs.replace(
            self._settings(file, top), quality=quality, alerts=alerts, monitoring=monitoring, reload_gate=gate
        )
        for key, meaning in _NOT_YET.items():
            if top.get(key) and not _switched_off(top[key]):
                self._warn((key,), f"`{key}`", f"nothing: {meaning}")
        config = Config(settings=settings, providers=providers, table=table, hash=digest)
        config, errors, warnings = with_namespaces(config, top, self._is_unset)
        if errors:
            raise ConfigError(self.file, self._placed(errors))
        return msgspec.structs.replace(config, warnings=self._placed(self.warnings + warnings))

    def _placed(self, problems: list[Problem]) -> tuple[Problem, ...]:
        """With their lines, each place and complaint once, in the order of the file."""
        found: dict[tuple[str, str], Problem] = {}
        for one in problems:
            line = one.line or self.document.line_of(spelled_as_written(one.path, self.document.data))
            found.setdefault((one.path, one.expected), msgspec.structs.replace(one, line=line))
        return tuple(sorted(found.values(), key=lambda one: one.line))

    def _warn(self, place: Place, found: str, expected: str) -> None:
        self.warnings.append(problem(place, found, expected))

    def _warn_unset(self) -> None:
        for reference in self.unset:
            named = reference.whole or not is_secret(reference.place)
            variable = f"${reference.variable}" if named else "a reference"
            needed = "the environment variable to be set"
            if reference.place == ("APIKEY",) and reference.whole:
                # Never the text `$NAME` as the password: anybody could guess it.
                self.checked.error(reference.place, f"{variable}, which is not set", f"{needed}, or no APIKEY")
            elif reference.place[2:] == ("api_base_url",):
                self.checked.error(reference.place, f"{variable}, which is not set", needed)
            else:
                self._warn(reference.place, f"{variable}, which is not set", f"{needed} where the router starts")

    def _warn_unknown(self) -> None:
        for place in self.checked.unknown:
            key = str(place[-1])
            if place == (_EDITORS_KEY,):
                continue
            section = _section_at(place[:-1])
            close = did_you_mean(key, (field.name for field in msgspec.structs.fields(section)))
            if not close and len(place) == 1 and (key.isupper() or key in _PROXY_KEYS):
                continue  # environment for providers, as in the npm tool
            self._warn(
                place, f"the unknown key `{key}`, kept as it is", f"`{close}`" if close else "a key that is known"
            )

    def _network(self, file: schema.File | None, top: Mapping[str, Any]) -> Network:
        """Careful when the file is wrong: its other problems are still to be found."""
        proxy = next((top[key] for key in _PROXY_KEYS if isinstance(top.get(key), str) and top[key]), "")
        said = [self.env.get("NO_PROXY", ""), self.env.get("no_proxy", ""), file.NO_PROXY if file else ""]
        port = self.env.get("SERVICE_PORT", "")
        listens = int(port) if port.isdecimal() else file.PORT if file else 0
        return Network(proxy, no_proxy_entries(*said), file.HOST if file else "", listens)

    def _providers(self, top: Mapping[str, Any], network: Network) -> dict[str, Provider]:
        """Those that can be built; what keeps the others from it is among the errors."""
        entries = top.get("Providers")
        built: dict[str, Provider] = {}
        for index, raw in enumerate(entries if isinstance(entries, list) else []):
            place: Place = ("Providers", index)
            section = check_section(schema.ProviderSection, raw, place, Checked())
            if section is None or not self._usable_url(section.api_base_url, (*place, "api_base_url")):
                continue
            self.checked.errors += unsendable(section, place)
            credentials, problems = credentials_of(section, place, self._is_unset)
            key = credentials[0].key if credentials else ""
            entry = ProviderEntry(
                name=section.name,
                api_base_url=section.api_base_url,
                api_key=key,
                models=tuple(section.models),
                transformer=raw.get("transformer"),
                headers=section.headers,
                dialect=section.dialect,
                auth=section.auth,
                preset=section.preset,
                price=section.price,
                cards={
                    model: OwnCard(
                        context_tokens=said.context,
                        max_output_tokens=said.max_output,
                        vision=said.vision,
                        reasons=said.thinks,
                    )
                    for model, said in section.cards.items()
                },
            )
            provider, notes = build_provider(entry, spell(place))
            provider, more = with_access(provider, section, place, network, credentials)
            self.warnings += [*notes, *problems, *more]
            keyless = provider.auth in ("google", "aws") or _is_near(section.api_base_url)
            if not key and not keyless and not self._is_unset((*place, "api_key")):
                self._warn((*place, "api_key"), "no key", f"the key of {section.name} (only local servers need none)")
            if section.tokenizer:
                self._warn((*place, "tokenizer"), "`tokenizer`", "nothing: tokens are estimated without one")
            if section.name in built:
                self._warn((*place, "name"), f"a second provider called {section.name}", "one: the last of them counts")
            built[section.name] = provider
        return built

    def _is_unset(self, place: Place) -> bool:
        return any(reference.place == place and reference.whole for reference in self.unset)

    def _usable_url(self, url: str, place: Place) -> bool:
        if any(reference.place == place for reference in self.unset):
            return False
        try:
            parts = urlsplit(url)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good:
            self.checked.error(place, self.checked.shown(place, url), "a URL: https://…")
        return good

    def _settings(self, file: schema.File, top: Mapping[str, Any]) -> Settings:
        environment = {
            key: value
            for key, value in top.items()
            if isinstance(value, str) and value and key != _EDITORS_KEY and not self._is_unset((key,))
            if key in _ENVIRONMENT_KEYS or key not in schema.File.__struct_fields__
        }
        return Settings(
            host=self._host(file),
            port=self._port(file.PORT),
            api_key=file.APIKEY,
            proxy_url=self._network(file, top).proxy,
            health_check_s=file.HEALTH_CHECK_S,
            update_prices_s=file.UPDATE_PRICES_H * 3600,
            limits=limits_of(file.limits),
            budget=budget_of(file.budget),
            api_timeout_ms=file.API_TIMEOUT_MS,
            log=file.LOG,
            log_level=file.LOG_LEVEL,
            non_interactive=file.NON_INTERACTIVE_MODE,
            claude_path=self.env.get("CLAUDE_PATH") or file.CLAUDE_PATH,
            custom_router=self._custom_router(file, top),
            rewrite_system_prompt=file.REWRITE_SYSTEM_PROMPT,
            record_bodies=file.RECORD_BODIES,
            record_days=file.RECORD_DAYS,
            database_url=file.DATABASE_URL,
            environment=environment,
            delivery=delivery_settings(file),
        )

    def _custom_router(self, file: schema.File, top: Mapping[str, Any]) -> CustomRouterSettings | None:
        found, warnings = custom_router(file, top)
        self.warnings += warnings
        return found

    def _host(self, file: schema.File) -> str:
        host = file.HOST.strip("[]")  # an IPv6 address as URLs have it
        if file.APIKEY or _is_loopback(host):
            return host
        found = f"{self.checked.shown(('HOST',), file.HOST)} without an APIKEY"
        self._warn(("HOST",), found, "an APIKEY; until then 127.0.0.1 is used")
        return "127.0.0.1"

    def _port(self, configured: int) -> int:
        said = self.env.get("SERVICE_PORT", "")
        if not said:
            return configured
        if said.isdecimal() and 0 <= int(said) <= 65535:
            return int(said)
        found = f"{json.dumps(said)} in the environment variable SERVICE_PORT"
        self._warn(("PORT",), found, f"a port from 0 to 65535; {configured} is used")
        return configured


def _one_name_each(document: json5_file.Document) -> object:
    """The file's data with `Providers` and `plugins` spelled one way. When both spellings stand there, the npm tool 2.x
    reads the capital one of `Providers`."""
    if not isinstance(document.data, dict):
        return document.data
    data = dict(document.data)
    for ours, theirs in _TWO_NAMES:
        if theirs in data:
            other = data.pop(theirs)
            data[ours] = data.get(ours) or other
    return data


def spelled_as_written(path: str, data: object) -> str:
    """`Providers[0]` as `providers[0]` where the file has it so."""
    for ours, theirs in _TWO_NAMES:
        if path.startswith(ours) and isinstance(data, dict) and ours not in data and theirs in data:
            return theirs + path[len(ours) :]
    return path


def _switched_off(value: object) -> bool:
    """`StatusLine` and the entries of `plugins` have a switch; the npm tool's web interface writes both, off."""
    if isinstance(value, list):
        return all(isinstance(entry, dict) and entry.get("enabled", True) is False for entry in value)
    return isinstance(value, dict) and not value.get("enabled")


def _own_cards(providers: Iterable[Provider]) -> dict[Target, ModelCard]:
    return {Target(one.name, model): one.card_for(model) for one in providers for model in one.cards}


def _models(top: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Every entry that has a name, even when something else is wrong in it: targets that name it are not."""
    entries = top.get("Providers")
    found: dict[str, tuple[str, ...]] = {}
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("name"), str) and entry["name"]:
            models = entry.get("models")
            models = [models] if isinstance(models, str) else models if isinstance(models, list) else []
            found[entry["name"]] = tuple(model for model in models if isinstance(model, str) and model)
    return found


def _section_at(place: Place) -> type[Section]:
    """Which section of the schema stands there."""
    kinds: dict[object, type[Section]] = {
        "Router": schema.RouterSection,
        "fallback": schema.FallbackSection,
        "retry": schema.RetrySection,
        "upwardFallback": schema.UpwardFallbackSection,
        "Providers": schema.ProviderSection,
        "transformers": schema.CustomTransformer,
        "plugins": schema.Plugin,
    }
    if not place:
        return schema.File
    if (watched := monitoring_section(place)) is not None:
        return watched
    if "Difficulty" in place:
        return DifficultySection
    if "Quality" in place:
        return PairsSection if place[-1] == "pairs" else QualitySection
    if "Escalation" in place:
        return _ESCALATION.get(place[-1], EscalationSection)
    if "Learned" in place:
        return LearnedSection
    if "ReloadGate" in place:
        return ReloadGateSection
    for step, section in (
        ("limits", schema.LimitsSection),
        ("budget", schema.BudgetSection),
        ("credentials", schema.CredentialSection),
    ):
        if step in place:
            return section
    if "timeouts" in place:
        return schema.TimeoutsSection if place == ("timeouts",) else schema.TimeLimitsSection
    if place[0] == "Namespaces":
        return schema.NamespaceSection
    return schema.ModelTransformers if "transformer" in place else kinds[place[0]]


_ESCALATION: Mapping[object, type[Section]] = {"hold": HoldSection, "nextTurn": NextTurnSection, "stall": StallSection}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _is_near(url: str) -> bool:
    """On this machine or network, where servers seldom ask for a key."""
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
        return address.is_loopback or address.is_private or address.is_link_local
    except ValueError:
        return "." not in host or host.endswith((".local", ".lan", ".internal", ".localhost", ".home.arpa"))
