"""The only door to botocore: AWS's signatures (SigV4) for Bedrock."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from claude_code_router.core.errors import Refused
from claude_code_router.delivery.transport import UpstreamRequest

_HOST = re.compile(r"(?P<service>bedrock)-(runtime|runtime-fips|mantle)\.(?P<region>[a-z0-9-]+)\.")
_SIGNED = ("authorization", "x-amz-date", "x-amz-security-token")


class AwsAuth:
    """Raises Refused, with what would be right, when there are no credentials."""

    def __init__(self, environment: Callable[[], Mapping[str, str]]) -> None:
        self._environment = environment
        self._lock = asyncio.Lock()
        self._session: Any = None

    async def __call__(self, request: UpstreamRequest) -> UpstreamRequest:
        env = self._environment()
        bearer = env.get("AWS_BEARER_TOKEN_BEDROCK", "")
        if bearer:
            return msgspec.structs.replace(request, headers=[*request.headers, ("authorization", f"Bearer {bearer}")])
        async with self._lock:
            signed = await asyncio.to_thread(self._sign, request, env)
        return msgspec.structs.replace(request, headers=[*request.headers, *signed])

    def _sign(self, request: UpstreamRequest, env: Mapping[str, str]) -> list[tuple[str, str]]:
        """In a thread: credentials may have to be fetched from a file, a program or the machine's own service."""
        try:
            from botocore.auth import SigV4Auth
            from botocore.awsrequest import AWSRequest
            from botocore.exceptions import BotoCoreError
        except ImportError as error:
            raise Refused(
                "Amazon Bedrock needs botocore, which is not installed.",
                hint="Install the extra: `uv tool install 'claude-code-router-py[bedrock]'`.",
            ) from error
        try:
            credentials = self._credentials(env)
        except BotoCoreError as error:
            raise Refused(f"AWS gave no credentials: {error}.", hint=_HINT) from error
        if credentials is None:
            raise Refused("There are no AWS credentials for Amazon Bedrock.", hint=_HINT)
        service, region = place(request.url, env)
        # Only what nobody on the way touches is signed.
        asked = AWSRequest(
            method="POST", url=request.url, data=request.body, headers={"content-type": "application/json"}
        )
        SigV4Auth(credentials, service, region).add_auth(asked)
        return [(name.lower(), value) for name, value in asked.headers.items() if name.lower() in _SIGNED]

    def _credentials(self, env: Mapping[str, str]) -> Any:
        if env.get("AWS_ACCESS_KEY_ID") and env.get("AWS_SECRET_ACCESS_KEY"):
            from botocore.credentials import Credentials

            return Credentials(
                env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env.get("AWS_SESSION_TOKEN") or None
            )
        if self._session is None:
            from botocore.session import get_session

            self._session = get_session()
            if env.get("AWS_PROFILE"):
                self._session.set_config_variable("profile", env["AWS_PROFILE"])
        found = self._session.get_credentials()
        return None if found is None else found.get_frozen_credentials()


_HINT = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_BEARER_TOKEN_BEDROCK, or run `aws sso login`."


def place(url: str, env: Mapping[str, str]) -> tuple[str, str]:
    """(service, region) that a signature is made for."""
    host = urlsplit(url).hostname or ""
    found = _HOST.match(host)
    service = "bedrock-mantle" if host.startswith("bedrock-mantle") else "bedrock"
    if found is not None:
        return service, found["region"]
    return service, env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "us-east-1"
