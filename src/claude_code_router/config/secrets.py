"""Every secret of a config, so that it can be struck out where an upstream or a client repeats it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from claude_code_router.config.redaction import is_secret
from claude_code_router.config.settings import Config
from claude_code_router.core.secrets import Secrets
from claude_code_router.providers.provider import Provider


def secrets_of(config: Config) -> Secrets:
    return Secrets(_values(config))


def _values(config: Config) -> Iterator[str]:
    yield config.settings.api_key
    yield from config.settings.monitoring.traces.headers.values()
    for url in (config.settings.database_url, config.settings.proxy_url):
        yield from _passwords(url)
    yield from (value for name, value in config.settings.environment.items() if is_secret((name,)) or "TOKEN" in name)
    if config.settings.alerts:
        yield config.settings.alerts.webhook
    for provider in config.providers.values():
        yield from _of_provider(provider)
    for namespace in config.namespaces.values():
        yield from namespace.keys.values()
        yield from _values(namespace.config)


def _passwords(url: str) -> Iterator[str]:
    """As it stands in the URL, and as it is."""
    try:
        written = urlsplit(url).password or ""
    except ValueError:
        return
    yield written
    yield unquote(written)


def _of_provider(provider: Provider) -> Iterator[str]:
    yield provider.key
    yield from _passwords(provider.url)
    yield from _passwords(provider.proxy)
    for credential in provider.credentials:
        yield credential.key
    for name, value in provider.headers.items():
        if is_secret((name,)):
            yield value.removeprefix("Bearer ")
