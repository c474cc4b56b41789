"""Who may come in. As the npm tool: one shared key, or loopback alone when there is none; without its open CORS."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import NamedTuple

from claude_code_router.config.settings import Config, Namespace
from claude_code_router.core.errors import BadRequest, RouterError

_LOOPBACK_HOST = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?", re.IGNORECASE)


class NotAuthorised(RouterError):
    """The key is missing or wrong, or a web page is at work."""

    fault = "client"
    status = 401
    error_type = "authentication_error"


class Visitor(NamedTuple):
    """Who came in."""

    namespace: str = ""
    client_key: str = ""
    """The name of the key that was shown, when it has one."""


NAMESPACE_HEADER = "x-ccr-namespace"


def visitor(header: Mapping[str, str], named: str, config: Config) -> Visitor:
    """Raises NotAuthorised, or BadRequest for a namespace that does not exist. `named`: the namespace in the path.

    A namespace's key opens it and nothing else. APIKEY opens every namespace. One with keys of its own opens to nobody
    without a key."""
    api_key = config.settings.api_key
    wanted = named or header.get(NAMESPACE_HEADER, "")
    if not config.namespaces:
        check(header, api_key)
        if named:
            raise _no_such(named)
        return Visitor()
    shown = _shown_by(header, config.namespaces)
    if shown is not None:
        if any(name not in ("", shown.namespace) for name in (named, header.get(NAMESPACE_HEADER, ""))):
            raise NotAuthorised("This key opens another namespace.", status=403, error_type="permission_error")
        return shown
    check(header, api_key)
    if not wanted:
        return Visitor()
    if wanted not in config.namespaces:
        raise _no_such(wanted)
    if config.namespaces[wanted].keys and not api_key:
        raise NotAuthorised(
            f"The namespace {wanted} needs one of its keys.", hint="Send it as Authorization: Bearer or x-api-key."
        )
    return Visitor(wanted)


def _no_such(name: str) -> BadRequest:
    return BadRequest(f"There is no namespace {name[:80]!r}.", status=404, error_type="not_found_error")


def _shown_by(header: Mapping[str, str], namespaces: Mapping[str, Namespace]) -> Visitor | None:
    given = [key.encode() for key in _given(header) if key]
    doors = [(Visitor(name, said), key.encode()) for name, one in namespaces.items() for said, key in one.keys.items()]
    # Every comparison is made, in constant time.
    opened = [who for who, key in doors if sum(hmac.compare_digest(key, shown) for shown in given)]
    return opened[0] if opened else None


def check(header: Mapping[str, str], api_key: str) -> None:
    """Raises NotAuthorised. With a key: Bearer (or bare) Authorization, x-api-key or x-goog-api-key; any may be right, because
    a client with several variables set sends several. Without: loopback names only, so that no web page can rebind its name to
    us, and no foreign Origin."""
    if api_key:
        _check_key(header, api_key)
        return
    host = header.get("host", "")
    if host and not _LOOPBACK_HOST.fullmatch(host):
        raise NotAuthorised(
            f"The host name {host[:100]!r} is not a loopback name, and no APIKEY is set.",
            hint="Set APIKEY in config.json to serve other hosts.",
            status=403,
            error_type="permission_error",
        )
    origin = header.get("origin", "")
    if origin and not _LOOPBACK_HOST.fullmatch(origin.removeprefix("http://").removeprefix("https://")):
        raise NotAuthorised(
            "Requests of web pages from other origins are refused.", status=403, error_type="permission_error"
        )


def _given(header: Mapping[str, str]) -> list[str]:
    authorization = header.get("authorization", "")
    return [
        authorization[7:].strip() if authorization[:7].lower() == "bearer " else authorization.strip(),
        header.get("x-api-key", "").strip(),
        header.get("x-goog-api-key", "").strip(),
    ]


def _check_key(header: Mapping[str, str], api_key: str) -> None:
    given = _given(header)
    if not any(given):
        raise NotAuthorised(
            "The router's API key is missing.", hint="Send APIKEY of config.json as Authorization: Bearer or x-api-key."
        )
    # Every comparison is made, in constant time: which of them was wrong is nobody's business.
    matches = [hmac.compare_digest(key.encode(), api_key.encode()) for key in given]
    if not any(matches):
        raise NotAuthorised("The router's API key is wrong.", hint="It is APIKEY in ~/.claude-code-router/config.json.")
