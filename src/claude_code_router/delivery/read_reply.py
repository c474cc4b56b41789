"""A client's reply, streamed or whole, read back as values: for who judges it."""

from __future__ import annotations

from collections.abc import Mapping

from claude_code_router.core.errors import RouterError
from claude_code_router.core.inbound import ClientDialect, Inbound
from claude_code_router.core.reply import Reply, whole_reply
from claude_code_router.delivery.client_side import CLIENT_SIDES
from claude_code_router.delivery.provider_side import PROVIDER_SIDES, Call
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.providers.provider import ProviderDialect

_SPOKEN_BACK: Mapping[ClientDialect, ProviderDialect] = {
    "anthropic": "anthropic",
    "openai_chat": "openai_chat",
    "openai_responses": "openai_responses",
    "gemini": "gemini",
}
"""What we say to a client of this dialect is what a provider of that one says to us."""


def read_reply(inbound: Inbound, body: bytes) -> Reply:
    """`body`: what the client of `inbound` got, pings and all. Never raises for what stands in it: `Reply.failed` says it."""
    side = PROVIDER_SIDES[_SPOKEN_BACK[inbound.dialect]]
    try:
        chat = CLIENT_SIDES[inbound.dialect].decode_request(inbound.body)
        call = Call(chat=chat, model="", quirks=ChatQuirks(), origin="")
        if body.lstrip()[:1] == b"{":
            return whole_reply(side.decode_reply(body, call))
        reader = side.reply_reader(call)
        return whole_reply((*reader.feed(body), *reader.close()))
    except RouterError as error:
        return Reply(failed=error.message)
