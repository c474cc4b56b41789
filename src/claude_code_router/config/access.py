"""How a provider is reached: its keys, limits, budget, proxy and certificates, from the file to delivery's values."""

from __future__ import annotations

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

    plain = [(section.api_key, (*place, "api_key"))]
    plain += [(key, (*place, "api_keys", index)) for index, key in enumerate(section.api_keys)]
    for key, where in plain:
        add(Credential(name=fingerprint(key), key=key), where)
    for index, one in enumerate(section.credentials):
        name = one.name or fingerprint(one.api_key)
        credential = Credential(name=name, key=one.api_key, weight=one.weight, limits=limits_of(one.limits))
        add(credential, (*place, "credentials", index, "api_key"))
    return tuple(found), problems


def with_access(
    provider: Provider,
    section: schema.ProviderSection,
    place: Place,
    network: Network,
    credentials: Sequence[Credential],
) -> tuple[Provider, list[Problem]]:
    """The provider with all that is not about its dialect."""
    problems: list[Problem] = []
    if section.proxy and section.proxy != DIRECT and not section.proxy.startswith(_SCHEMES):
        problems.append(problem((*place, "proxy"), "no URL of a proxy", "http://…, socks5://… or direct"))
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
    own = "" if section.proxy == DIRECT else section.proxy
    built = msgspec.structs.replace(
        provider,
        credentials=tuple(credentials) if pool else (),
        limits=limits_of(section.limits),
        budget=budget_of(section.budget),
        proxy=own if section.proxy else proxy_for(provider.url, network.proxy, network.no_proxy),
        ca_file=ca_file,
    )
    return built, problems
