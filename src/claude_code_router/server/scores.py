"""`/api/scores`: what callers know of a reply's quality (their tests passed, their evaluator says), and what is known here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeVar
from urllib.parse import parse_qs

import msgspec

from claude_code_router.core.errors import BadRequest, RouterError
from claude_code_router.core.score import Score
from claude_code_router.quality.judging import score_id
from claude_code_router.server.http import Call
from claude_code_router.server.services import Services
from claude_code_router.store.errors import StoreFailed
from claude_code_router.store.recorder import Recorder

BODY_LIMIT_BYTES = 64 << 10
_ID_CHARACTERS = 64
_JUDGE_CHARACTERS = 100
_REASON_CHARACTERS = 2_000
_LOOKS_AFTER_S = (0.0, 0.3, 0.7, 1.0)
"""A row is written a moment after its reply, and the very first one makes the database: who scores at once is found at a later
look."""


class Unavailable(RouterError):
    """The records cannot be read or written now."""

    fault = "router"
    status = 503
    error_type = "api_error"


class Given(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    request_id: str
    judge: str = "caller"
    value: float | None = None
    good: bool | None = None
    sure: float | None = None
    reason: str = ""


async def post_score(call: Call, services: Services) -> None:
    """Score one reply by its request's id. 201 with the score's own id."""
    given = _read(await call.body(BODY_LIMIT_BYTES))
    value = given.value if given.value is not None else 1.0 if given.good else 0.0
    await _must_be_known(given.request_id, call, services)
    score = Score(
        id=score_id(),
        request_id=given.request_id,
        at=services.now(),
        by="caller",
        judge=given.judge,
        value=value,
        sure=given.sure,
        reason=given.reason,
    )
    services.recorder.put(score)
    await call.answer(201, msgspec.json.encode({"id": score.id, "request_id": score.request_id, "value": value}))


async def get_scores(call: Call, services: Services) -> None:
    """All scores and pairs of one request."""
    [id] = parse_qs(call.query).get("request_id", [""])[:1]
    if not id:
        raise BadRequest("`request_id` is missing.", hint="GET /api/scores?request_id=req_…")
    await _must_be_known(id, call, services)
    scores, pairs = await _asked(_judged, services.recorder, id)
    await call.answer(200, msgspec.json.encode({"request_id": id, "scores": scores, "pairs": pairs}))


def _read(body: bytes) -> Given:
    example = json.dumps(
        {"request_id": "req_…", "value": 0.9, "judge": "pytest", "reason": "212 passed"}, ensure_ascii=False
    )
    hint = f"For example {example}; `good` true or false may stand in place of `value`."
    try:
        given = msgspec.json.decode(body, type=Given)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise BadRequest(f"The body is no score: {error}.", hint=hint) from None
    for wrong, said in (
        ((given.value is None) == (given.good is None), "exactly one of `value` and `good` has to be given"),
        (given.value is not None and not 0 <= given.value <= 1, "`value` has to be from 0 to 1"),
        (given.sure is not None and not 0 <= given.sure <= 1, "`sure` has to be from 0 to 1"),
        (not 0 < len(given.request_id) <= _ID_CHARACTERS, "`request_id` is the reply's header x-ccr-request-id"),
        (not given.judge.isprintable(), "`judge` has to be plain text"),
        (not 0 < len(given.judge) <= _JUDGE_CHARACTERS, f"`judge` has to have 1 to {_JUDGE_CHARACTERS} characters"),
        (len(given.reason) > _REASON_CHARACTERS, f"`reason` has to have at most {_REASON_CHARACTERS} characters"),
    ):
        if wrong:
            raise BadRequest(f"The body is no score: {said}.", hint=hint)
    return given


async def _must_be_known(id: str, call: Call, services: Services) -> None:
    """A namespace's own callers know of its requests only."""
    namespace: str | None = None
    for wait_s in _LOOKS_AFTER_S:
        await asyncio.sleep(wait_s)
        last = wait_s == _LOOKS_AFTER_S[-1]
        if services.recorder.waiting and not last:
            continue  # it may be among those
        try:
            namespace = await _asked(_namespace_of, services.recorder, id)
        except Unavailable:
            if last:
                raise
        if namespace is not None:
            break
    if namespace is not None and call.namespace in ("", namespace):
        return
    raise BadRequest(
        f"No recorded request has the id {id[:_ID_CHARACTERS]!r}.",
        hint="It is the reply's header x-ccr-request-id, in full.",
        status=404,
        error_type="not_found_error",
    )


Found = TypeVar("Found")


async def _asked(question: Callable[[str, str], Found], recorder: Recorder, id: str) -> Found:
    """Beside the event loop."""
    try:
        return await asyncio.to_thread(question, recorder.url, id)
    except StoreFailed as error:
        raise Unavailable("The records cannot be read now.", hint="The router's log says why.") from error


def _namespace_of(url: str, id: str) -> str | None:
    # SQLAlchemy is 20 MB: here, when somebody asks.
    from claude_code_router.store.db import Database
    from claude_code_router.store.scores import namespace_of

    with closing(Database(url)) as database:
        return namespace_of(database, id)


def _judged(url: str, id: str) -> tuple[tuple[dict[str, Any], ...], tuple[dict[str, Any], ...]]:
    from claude_code_router.store.db import Database
    from claude_code_router.store.scores import judged

    with closing(Database(url)) as database:
        found = judged(database, id)
    return found.scores, found.pairs
