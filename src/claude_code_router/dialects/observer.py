"""What an observer of a relayed stream is in every dialect of SSE; what its events say is the dialect's own."""

from __future__ import annotations

from abc import ABC, abstractmethod

from claude_code_router.core.errors import BadReply
from claude_code_router.core.usage import Usage
from claude_code_router.dialects.sse import SSEDecoder


class StreamObserver(ABC):
    """Facts of one reply, as far as it has been seen."""

    __slots__ = ("_sse", "content_started", "ended", "error", "model", "stop_reason", "usage")

    def __init__(self, skip: bytes = b"") -> None:
        """`skip`: the name of the events that tell nothing, if most are so."""
        self._sse = SSEDecoder(skip)
        self.content_started = False
        """Content has begun: a client that got these bytes cannot be answered by somebody else any more."""
        self.ended = False
        """The dialect's own end was seen (or the whole body)."""
        self.error: tuple[str, str] | None = None
        """(type, message) of an error event; a frame that should carry facts and cannot be read counts as one."""
        self.usage: Usage | None = None
        self.stop_reason = ""
        self.model = ""

    @property
    def at_boundary(self) -> bool:
        """Another event may be put in between here."""
        return self._sse.at_boundary

    @property
    def unfinished(self) -> bytes:
        return self._sse.unfinished

    @property
    def ending(self) -> bytes:
        """What ends an event of which the client has the first part only, so that another one can follow."""
        return b"" if self._sse.at_boundary else b"\n\n"

    def feed(self, chunk: bytes) -> None:
        try:
            events = self._sse.feed(chunk)
        except BadReply as problem:
            self.error = ("api_error", problem.message)
            return
        for name, data in events:
            self._see(name, data)

    @abstractmethod
    def _see(self, name: bytes, data: bytes, /) -> None:
        """One event. Empty `name`: it has none."""
