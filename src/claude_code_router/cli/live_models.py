"""The providers' own lists of models, asked for when the owner says so and kept for a day."""

from __future__ import annotations

import hashlib
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from claude_code_router.catalog.live import Listed, read_list
from claude_code_router.providers.headers import upstream_headers
from claude_code_router.providers.provider import Provider

KEPT_S = 86_400
_TIMEOUT_S = 10.0
_MAX_BYTES = 32 << 20
_ENDINGS = re.compile(r"/(chat/completions|messages|responses)/?$")


class Lists(msgspec.Struct, frozen=True):
    by_provider: Mapping[str, tuple[Listed, ...]]
    problems: tuple[str, ...] = ()


class _Kept(msgspec.Struct, frozen=True):
    at: float
    """Unix seconds."""
    models: tuple[Listed, ...]


def lists(folder: Path, providers: Iterable[Provider], *, now: float, fetch: bool) -> Lists:
    """Never raises for what a provider or the cache does: it is told in `problems`."""
    providers = list(providers)
    found: dict[str, tuple[Listed, ...]] = {}
    problems: list[str] = []
    asked = [provider for provider in providers if fetch and models_url(provider)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        for provider, answer in zip(asked, pool.map(_asked, asked), strict=True):
            if isinstance(answer, str):
                problems.append(f"{provider.name}: {answer}")
                continue
            found[provider.name] = answer
            problems += _keep(_file(folder, provider), _Kept(now, answer))
    for provider in providers:
        if (
            provider.name not in found
            and (kept := _kept(_file(folder, provider))) is not None
            and now - kept.at < KEPT_S
        ):
            found[provider.name] = kept.models
    return Lists(found, tuple(problems))


def models_url(provider: Provider) -> str:
    """Where the list is; empty when no place is known."""
    base = provider.url.partition("?")[0]
    if provider.dialect == "gemini":
        return base.rstrip("/") + "?pageSize=1000"
    if not _ENDINGS.search(base):
        return ""
    return _ENDINGS.sub("/models", base) + ("?limit=1000" if provider.dialect == "anthropic" else "")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take the key along."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _asked(provider: Provider) -> tuple[Listed, ...] | str:
    """The list, or why there is none."""
    headers = dict(upstream_headers(provider, [(b"anthropic-version", b"2023-06-01")]))
    request = urllib.request.Request(models_url(provider), headers=headers)
    context = ssl.create_default_context(cafile=provider.ca_file or None)
    opener = urllib.request.build_opener(
        _NoRedirect,
        urllib.request.ProxyHandler({"http": provider.proxy, "https": provider.proxy} if provider.proxy else {}),
        urllib.request.HTTPSHandler(context=context),
    )
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as reply:
            return read_list(reply.read(_MAX_BYTES))
    except urllib.error.HTTPError as error:
        error.close()
        return f"the provider's list of models cannot be had: status {error.code}"
    except (OSError, ValueError) as error:
        return f"the provider's list of models cannot be had: {error}"


def _file(folder: Path, provider: Provider) -> Path:
    # By URL and key: another account may have other models. Only a digest is on disk.
    digest = hashlib.sha256(f"{provider.url}\0{provider.key}".encode()).hexdigest()[:24]
    return folder / f"{digest}.json"


def _kept(file: Path) -> _Kept | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Kept)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _keep(file: Path, kept: _Kept) -> list[str]:
    beside = file.with_suffix(".tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(msgspec.json.encode(kept))
        beside.replace(file)
    except OSError as error:
        return [f"the list of models could not be kept: {error}"]
    return []
