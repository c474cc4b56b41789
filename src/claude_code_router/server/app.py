"""The ASGI app: path → handler. Plain ASGI, because the hot path is most of what there is."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable

from claude_code_router.core.errors import BadRequest, RouterError
from claude_code_router.dialects.gemini.door import COUNT, GENERATE, STREAM
from claude_code_router.server.auth import visitor
from claude_code_router.server.errors import answer_error
from claude_code_router.server.health import health, root
from claude_code_router.server.http import Call, ClientGone, Receive, Scope, Send
from claude_code_router.server.messages import count_tokens, messages
from claude_code_router.server.metrics import metrics
from claude_code_router.server.models import models
from claude_code_router.server.ready import ready
from claude_code_router.server.scores import get_scores, post_score
from claude_code_router.server.services import Services

log = logging.getLogger("ccr.server")

Handler = Callable[[Call, Services], Awaitable[None]]

ROUTES: dict[tuple[str, str], Handler] = {
    ("POST", "/v1/messages"): messages,
    ("POST", "/v1/messages/count_tokens"): count_tokens,
    ("POST", "/v1/chat/completions"): messages,
    ("POST", "/v1/responses"): messages,
    ("GET", "/v1/models"): models,
    ("POST", "/api/scores"): post_score,
    ("GET", "/api/scores"): get_scores,
    ("GET", "/"): root,
    ("HEAD", "/"): root,
    ("HEAD", "/api/hello"): root,
    ("GET", "/health"): health,
    ("HEAD", "/health"): health,
    ("GET", "/health/ready"): ready,
    ("GET", "/metrics"): metrics,
    ("HEAD", "/health/ready"): ready,
}
PUBLIC = frozenset({"/", "/api/hello", "/health", "/health/ready"})
"""Answered without a key: probes have none, and nothing here tells a secret."""

_PATHS = frozenset(path for _, path in ROUTES)


class App:
    """One per process."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        call = Call(scope, receive, send)
        try:
            await self._handler(call)(call, self._services)
        except ClientGone:
            pass
        except RouterError as error:
            if not call.started:
                await answer_error(call, error)
        except Exception:  # the outermost ring: a bug must not take the answer with it
            log.exception("bug while answering %s %s (%s)", call.method, call.path, call.id)
            if not call.started:
                await answer_error(call, RouterError(f"The router has a bug; its log names it under {call.id}."))

    def _handler(self, call: Call) -> Handler:
        named, path = _namespace(call.path)
        path = _normal(path)
        if path not in PUBLIC and not (
            path == "/metrics" and self._services.snapshot.current.settings.monitoring.open_metrics
        ):
            call.namespace, call.client_key = visitor(call.header, named, self._services.snapshot.current)
        handler = ROUTES.get((call.method, path)) or _googles(call, path)
        if handler is not None:
            return handler
        if path in _PATHS:
            raise BadRequest(f"{path} does not take {call.method}.", status=405)
        raise BadRequest(
            f"There is nothing at {call.path[:200]!r}.",
            hint="The APIs are at /v1/messages, /v1/chat/completions, /v1/responses and /v1beta/models/…:generateContent.",
            status=404,
            error_type="not_found_error",
        )


_GOOGLES: dict[str, Handler] = {GENERATE: messages, STREAM: messages, COUNT: count_tokens}


def _googles(call: Call, path: str) -> Handler | None:
    """Google's API has the model and the method in the path."""
    if call.asked is not None:
        handler = _GOOGLES.get(call.asked.method)
        if handler is not None and call.method != "POST":
            raise BadRequest(f"{path} does not take {call.method}.", status=405)
        return handler
    return models if call.dialect == "gemini" and call.method == "GET" and _GOOGLES_MODELS.fullmatch(path) else None


_GOOGLES_MODELS = re.compile(r"/v\d+(?:(?:alpha|beta)\d*)?/models(?:/.+)?")


def _namespace(path: str) -> tuple[str, str]:
    """`/ns/<name>/v1/messages` is `/v1/messages` in the namespace `<name>`."""
    if not path.startswith("/ns/"):
        return "", path
    name, slash, rest = path[4:].partition("/")
    return name, slash + rest


def _normal(path: str) -> str:
    """Base URLs come with and without a trailing slash or /v1, and the client appends /v1/messages to any of them."""
    path = path.rstrip("/") or "/"
    while path.startswith("/v1/v1/"):
        path = path[3:]
    if path in ("/chat/completions", "/responses", "/models"):  # OpenAI's clients append to a base URL that ends in /v1
        path = "/v1" + path
    return path
