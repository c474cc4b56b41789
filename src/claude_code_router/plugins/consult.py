"""The custom router's answer as facts for the rules, and its edits as the request that goes on."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from claude_code_router.core.errors import BadRequest
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.signals import Signals
from claude_code_router.plugins.custom import CustomRouter
from claude_code_router.plugins.question import Question
from claude_code_router.plugins.settings import CustomRouterSettings


async def consult(
    router: CustomRouter,
    settings: CustomRouterSettings,
    inbound: Inbound,
    signals: Signals,
    read: Callable[[Inbound], Signals],
) -> tuple[Inbound, Signals]:
    """The very same Inbound when nothing was edited. `read` reads the facts of an edited one; an edit that it refuses is
    dropped, and the answer with it: it was meant for another request."""
    question = Question(
        id=inbound.id,
        path=inbound.path,
        query=inbound.query,
        headers=inbound.header,
        body=inbound.body,
        tokens=signals.tokens,
        session=signals.session,
        config=settings.config,
    )
    said = await router.ask(question, settings)
    target, note, edited = said.target, said.note, False
    if said.body is not None:
        fresh = msgspec.structs.replace(inbound, body=said.body)
        try:
            signals, inbound, edited = read(fresh), fresh, True
        except BadRequest as error:
            target, note = "", f"the custom router left a request that cannot be read: {error.message}"
    return inbound, msgspec.structs.replace(
        signals, custom=target, custom_note=note, custom_edited=edited, custom_ms=said.took_ms
    )
