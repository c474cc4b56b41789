"""Which preset, which dialect and which complete URL an entry means. Pure string work; nothing is looked up."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit, urlunsplit

from claude_code_router.providers.preset import Preset, load_presets
from claude_code_router.providers.provider import ProviderDialect

_SUFFIXES: tuple[tuple[str, ProviderDialect], ...] = (
    ("/chat/completions", "openai_chat"),
    ("/v1/messages", "anthropic"),
    ("/messages", "anthropic"),
    ("/responses", "openai_responses"),
    ("/api/chat", "ollama_chat"),
    ("/v1beta/models", "gemini"),
    ("/publishers/google/models", "gemini"),
    ("/publishers/anthropic/models", "anthropic"),
)
_MISSING_END: dict[ProviderDialect, str] = {
    "anthropic": "/messages",
    "openai_chat": "/chat/completions",
    "openai_responses": "/responses",
}
_GEMINI_CALL = re.compile(r"/models/[^/]+:\w+$")
"""A whole call, as in Google's examples: the model and the method are ours to say."""
_LOOPBACK_NAMES = frozenset({"localhost", "host.docker.internal"})


def split(url: str) -> SplitResult | None:
    """None when it is no http(s) URL with a host."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") and parts.hostname else None


def is_loopback(host: str) -> bool:
    if host in _LOOPBACK_NAMES or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def find_preset(url: str) -> Preset | None:
    parts = split(url)
    if parts is None or parts.hostname is None:
        return None
    host = parts.hostname.rstrip(".").lower()
    loopback = is_loopback(host)
    for preset in load_presets().values():
        if preset.serves_host(host, parts.port, loopback=loopback):
            return preset
    return None


def dialect_of(url: str) -> ProviderDialect | None:
    """What the URL's end says; None when it says nothing."""
    parts = split(url)
    path = _GEMINI_CALL.sub("/models", parts.path).rstrip("/") if parts else ""
    for suffix, dialect in _SUFFIXES:
        if path.endswith(suffix):
            return dialect
    if re.search(r"/anthropic(/v1)?$", path):
        return "anthropic"
    return None


def complete(url: str, preset: Preset | None, dialect: ProviderDialect | None) -> tuple[str, ProviderDialect]:
    """The endpoint that a base URL stands for, and its dialect. A URL that may be complete is never touched: the npm tool
    takes complete ones, whatever their end."""
    parts = split(url)
    if parts is None:
        return url, dialect or "openai_chat"
    if (dialect or dialect_of(url)) == "gemini" and _GEMINI_CALL.search(parts.path):
        return _with_path(parts, _GEMINI_CALL.sub("/models/", parts.path)), "gemini"
    path = parts.path.rstrip("/")
    if any(path.endswith(suffix) for suffix, _ in _SUFFIXES):
        return url, dialect or dialect_of(url) or "openai_chat"
    dialect = dialect or dialect_of(url)
    if preset is not None:
        known = _from_preset(path, preset, dialect)
        if known is not None:
            ending, known_dialect = known
            return _with_path(parts, ending), known_dialect
    dialect = dialect or "openai_chat"
    ending = _MISSING_END.get(dialect, "")
    if not ending:
        return url, dialect
    if re.search(r"/v\d+(beta\d*)?(/openai)?$", path):
        return _with_path(parts, path + ending), dialect
    if path == "" or path.endswith("/anthropic"):
        return _with_path(parts, f"{path}/v1{ending}"), dialect
    return url, dialect


def _from_preset(path: str, preset: Preset, dialect: ProviderDialect | None) -> tuple[str, ProviderDialect] | None:
    """The preset's own endpoint whose path begins with `path`."""
    for known, endpoint in preset.endpoints.items():
        ending = urlsplit(endpoint).path
        if dialect in (None, known) and ending.startswith(path + "/"):
            return ending, known
    return None


def _with_path(parts: SplitResult, path: str) -> str:
    return urlunsplit(parts._replace(path=path))


def shown(url: str) -> str:
    """For messages: without user, password and query, where keys are kept."""
    parts = split(url)
    if parts is None:
        return url.partition("?")[0]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
