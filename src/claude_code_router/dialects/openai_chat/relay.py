"""Changes to a chat/completions request that is relayed: the members that we added to earlier replies are taken out again."""

from __future__ import annotations

import msgspec

from claude_code_router.dialects.anthropic_messages.spans import elements, members
from claude_code_router.dialects.unreadable import UNREADABLE

_OURS = ("thinking_blocks", "reasoning_content")
_MARK = b'"thinking_blocks"'
_message_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


def strip_thinking_blocks(body: bytes) -> bytes:
    """Without `thinking_blocks` (encoder.py) and the `reasoning_content` beside it: another provider's, which strict servers
    refuse. The very same object when there are none."""
    if _MARK not in body:
        return body
    try:
        spans = [span for key, start, end in members(body) if key == "messages" for span in elements(body, start, end)]
        pieces: list[bytes] = []
        at = 0
        for start, end in spans:
            if body.find(_MARK, start, end) < 0:
                continue
            message = _message_decoder.decode(body[start:end])
            if "thinking_blocks" not in message:
                continue
            kept = {name: value for name, value in message.items() if name not in _OURS}
            pieces += (body[at:start], msgspec.json.encode(kept))
            at = end
    except UNREADABLE:
        return body
    return b"".join((*pieces, body[at:])) if pieces else body
