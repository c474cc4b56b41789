"""How a provider is reached: its keys, limits, budget, proxy and certificates, from the file to delivery's values."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from claude_code_router.config import schema
from claude_code_router.config.check import problem
from claude_code_router.config.places import Place
from claude_code_router.core.errors import Problem
from claude_code_router.core.limits import Budget, Limits
from claude_code_router.delivery.network import DIRECT, points_at, proxy_for
from claude_code_router.providers.provider import Credential, Provider, fingerprint

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token: RFC 9110, 5.6.2
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # a tab may stand inside of a header: RFC 9110, 5.5
_SCHEMES = ("http://", "https://", "socks4://", "socks5://", "socks5h://")


class Network(msgspec.Struct, frozen=True):
    """What holds for all providers."""

    proxy: str
    no_proxy: tuple[str, ...]
    host: str
    port: int
    """Where this router listens."""


def limits_of(section: schema.LimitsSection | None) -> Limits:
    return Limits(**msgspec.structs.asdict(section)) if section else Limits()


def budget_of(section: schema.BudgetSection | None) -> Budget:
    return Budget(**msgspec.structs.asdict(section)) if section else Budget()


def credentials_of(
    section: schema.ProviderSection, place: Place, is_unset: Callable[[Place], bool]
) -> tuple[tuple[Credential, ...], list[Problem]]:
    """All keys that the entry names, `api_key` first; those in unset variables are left out (that is said elsewhere)."""
    found: list[Credential] = []
    problems: list[Problem] = []

    def add(credential: Credential, where: Place) -> None:
        if not credential.key or is_unset(where):
            return
        if any(credential.key == other.key for other in found):
            problems.append(problem(where, "a key that is there already", "each key once"))
        elif any(credential.name == other.name for other in found):
            problems.append(problem(where, f"a second key called {credential.name}", "a name of its own"))
        else:
            found.append(credential)

    keys = _keys(section, place)
    pooled = len(keys) - len(section.credentials)
    for key, where in keys[:pooled]:
        add(Credential(name=fingerprint(key), key=key), where)
    for (key, where), one in zip(keys[pooled:], section.credentials, strict=True):
        name = one.name or fingerprint(key)
        add(Credential(name=name, key=key, weight=one.weight, limits=limits_of(one.limits)), where)
    return tuple(found), problems


def _keys(section: schema.ProviderSection, place: Place) -> list[tuple[str, Place]]:
    """Those of `credentials` last. Secrets that are mounted as files often end in a newline, which no key does."""
    keys: list[tuple[str, Place]] = [(section.api_key, (*place, "api_key"))]
    keys += [(key, (*place, "api_keys", index)) for index, key in enumerate(section.api_keys)]
    keys += [(one.api_key, (*place, "credentials", index, "api_key")) for index, one in enumerate(section.credentials)]
    return [(key.strip(), where) for key, where in keys]


def unsendable(section: schema.ProviderSection, place: Place) -> list[Problem]:
    """Keys and headers that HTTP cannot carry. No value is said."""
    found = [one for key, where in _keys(section, place) for one in unsendable_key(key, where)]
    for name, value in section.headers.items():
        where = (*place, "headers", name)
        if not _HEADER_NAME.fullmatch(name):
            found.append(problem(where, "a name that no HTTP header can have", "letters, digits and - _ . alone"))
        if _CONTROL.search(value):
            found.append(problem(where, "a value with a line break or control character", "one line of text"))
    return found


def unsendable_key(key: str, where: Place) -> list[Problem]:
    if not _CONTROL.search(key):
        return []
    return [problem(where, "a key with a line break or control character in it", "one line, as the provider shows it")]


def with_access(
    provider: Provider,
    section: schema.ProviderSection,
    place: Place,
    network: Network,
    credentials: Sequence[Credential],
) -> tuple[Provider, list[Problem]]:
    """The provider with all that is not about its dialect."""
    problems: list[Problem] = []
    own = "" if section.proxy == DIRECT else section.proxy
    proxy = own if section.proxy else proxy_for(provider.url, network.proxy, network.no_proxy)
    if section.proxy and section.proxy != DIRECT and not section.proxy.startswith(_SCHEMES):
        problems.append(problem((*place, "proxy"), "no URL of a proxy", "http://…, socks5://… or direct"))
    if section.http2 and not provider.url.startswith("https://"):
        problems.append(
            problem((*place, "http2"), "HTTP/2 for an address without TLS", "https://…; HTTP/1.1 is spoken")
        )
    if section.http2 and proxy.startswith(("socks", "https:")):
        problems.append(
            problem((*place, "http2"), "HTTP/2 through this kind of proxy", "a proxy http://…, or no http2")
        )
    if points_at(provider.url, network.host, network.port):
        problems.append(
            problem(
                (*place, "api_base_url"), "this router's own address", "another one: requests would come back for ever"
            )
        )
    ca_file = str(Path(section.ca_file).expanduser()) if section.ca_file else ""
    if ca_file and not Path(ca_file).is_file():
        problems.append(problem((*place, "ca_file"), "no file of that name", "a PEM file of certificates"))
    pool = len(credentials) > 1 or any(credential.limits.any for credential in credentials)
    built = msgspec.structs.replace(
        provider,
        credentials=tuple(credentials) if pool else (),
        limits=limits_of(section.limits),
        budget=budget_of(section.budget),
        proxy=proxy,
        ca_file=ca_file,
        http2=section.http2,
    )
    return built, problems
