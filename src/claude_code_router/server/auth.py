"""Who may come in. As the npm tool: one shared key, or loopback alone when there is none; without its open CORS."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping

from claude_code_router.core.errors import RouterError

_LOOPBACK_HOST = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?", re.IGNORECASE)


class NotAuthorised(RouterError):
    """The key is missing or wrong, or a web page is at work."""

    fault = "client"
    status = 401
    error_type = "authentication_error"


def check(header: Mapping[str, str], api_key: str) -> None:
    """Raises NotAuthorised. With a key: Bearer (or bare) Authorization, or x-api-key; either may be right, because a
    client with both variables set sends both. Without: loopback names only, so that no web page can rebind its name to
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


def _check_key(header: Mapping[str, str], api_key: str) -> None:
    authorization = header.get("authorization", "")
    given = [
        authorization[7:].strip() if authorization[:7].lower() == "bearer " else authorization.strip(),
        header.get("x-api-key", "").strip(),
    ]
    if not any(given):
        raise NotAuthorised(
            "The router's API key is missing.", hint="Send APIKEY of config.json as Authorization: Bearer or x-api-key."
        )
    # Every comparison is made, in constant time: which of the two was wrong is nobody's business.
    matches = [hmac.compare_digest(key.encode(), api_key.encode()) for key in given]
    if not any(matches):
        raise NotAuthorised("The router's API key is wrong.", hint="It is APIKEY in ~/.claude-code-router/config.json.")
