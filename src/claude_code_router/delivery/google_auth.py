"""The only door to google-auth: access tokens for Vertex AI, and the project and place in its URLs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from claude_code_router.core.errors import Refused
from claude_code_router.delivery.transport import UpstreamRequest

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_GLOBAL_HOST = "aiplatform.googleapis.com"
_MULTI_REGIONS = ("us", "eu")
_PROJECTS = ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "ANTHROPIC_VERTEX_PROJECT_ID")
_LOCATIONS = ("GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_REGION", "CLOUD_ML_REGION")


class GoogleAuth:
    """Raises Refused, with what would be right, when there is no token to be had."""

    def __init__(self, environment: Callable[[], Mapping[str, str]]) -> None:
        self._environment = environment
        self._lock = asyncio.Lock()
        self._credentials: Any = None
        self._of_file: str | None = None
        self._project = ""

    async def __call__(self, request: UpstreamRequest) -> UpstreamRequest:
        env = self._environment()
        async with self._lock:
            token = await asyncio.to_thread(self._token, env.get("GOOGLE_APPLICATION_CREDENTIALS", ""))
        url = located(request.url, env, self._project)
        headers = [*request.headers, ("authorization", f"Bearer {token}")]
        return msgspec.structs.replace(request, url=url, headers=headers)

    def _token(self, file: str) -> str:
        """In a thread: both steps read files and ask Google."""
        try:
            import google.auth.exceptions
            from google.auth.transport.requests import Request
        except ImportError as error:
            raise Refused(
                "Vertex AI needs google-auth, which is not installed.",
                hint="Install the extra: `uv tool install 'claude-code-router-py[vertex]'`.",
            ) from error
        try:
            if self._credentials is None or self._of_file != file:
                self._credentials, project = _loaded(file)
                self._of_file, self._project = file, project
            if not self._credentials.valid:
                self._credentials.refresh(Request())
        except (google.auth.exceptions.GoogleAuthError, msgspec.MsgspecError, OSError, ValueError) as error:
            raise Refused(
                f"Google gave no access token: {error}.",
                hint="Set GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login`.",
            ) from error
        return str(self._credentials.token)


def _loaded(file: str) -> tuple[Any, str]:
    """(credentials, their project). A file of another type is found by google-auth itself, through the environment."""
    import google.auth
    from google.oauth2 import credentials, service_account

    found = msgspec.json.decode(Path(file).read_bytes(), type=_KeyFile) if file else _KeyFile()
    load: Callable[..., Any]
    if found.type == "service_account":
        load = service_account.Credentials.from_service_account_file
    elif found.type == "authorized_user":
        load = credentials.Credentials.from_authorized_user_file
    else:
        load = google.auth.default
        made, project = load(scopes=[_SCOPE])
        return made, project or ""
    return load(file, scopes=[_SCOPE]), found.project_id or found.quota_project_id


class _KeyFile(msgspec.Struct):
    type: str = ""
    project_id: str = ""
    quota_project_id: str = ""


def located(url: str, env: Mapping[str, str], project: str = "") -> str:
    """With `{project}` and `{location}` filled in, and on the location's own host where the URL names the global one."""
    if "{" not in url:
        return url
    parts = urlsplit(url)
    location = _first(env, _LOCATIONS) or parts.netloc.removesuffix(_GLOBAL_HOST).removesuffix("-") or "global"
    project = _first(env, _PROJECTS) or project
    if not project:
        raise Refused("Vertex AI needs a project.", hint="Set GOOGLE_CLOUD_PROJECT in the config or the environment.")
    host = _host(location) if parts.netloc == _GLOBAL_HOST else parts.netloc
    path = parts.path.replace("{project}", project).replace("{location}", location)
    return urlunsplit(parts._replace(netloc=host, path=path))


def _host(location: str) -> str:
    if location == "global":
        return _GLOBAL_HOST
    if location in _MULTI_REGIONS:
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-{_GLOBAL_HOST}"


def _first(env: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((env[name] for name in names if env.get(name)), "")
