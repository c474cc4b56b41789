"""What the writer of a reply must know of the request that it answers."""

from __future__ import annotations

import msgspec


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    """`Inbound.id`; the reply's own id is made from it."""
    model: str
    """As the client named it: so it is named in the reply."""
    tokens: int
    """Estimated input tokens; stands where the upstream counts none."""
    created_s: int
    """Unix time."""
    body: bytes
    """The request, for what a reply repeats of it or is shaped by (`stream_options`, the Responses API's echo)."""

    def named(self, prefix: str) -> str:
        """The reply's id in its dialect's form."""
        return prefix + self.id.removeprefix("req_")
