"""A delivery with its surroundings: real sockets upstream, the client's side in memory."""

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from claude_code_router.core.signals import Signals
from claude_code_router.delivery.backoff import RetrySettings
from claude_code_router.delivery.deliver import Delivery
from claude_code_router.delivery.settings import DeliverySettings

BODY = b'{ "model":"asked", "max_tokens":99,"messages":[{"role":"user","content":"hi"}],"stream": true, "odd":[1.0]}'
STREAM = Signals(model="asked", stream=True, tokens=7)
WHOLE = Signals(model="asked", stream=False, tokens=7)
ONCE = DeliverySettings(retry=RetrySettings(max_attempts=1))
"""Nothing is repeated: what these stories are about is the one attempt."""
HEADERS = ((b"authorization", b"Bearer client"), (b"anthropic-beta", b"a,b"), (b"anthropic-version", b"2023-06-01"))


class Client:
    """The client's side, kept in memory. A `Sink`."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.parts: list[bytes] = []
        self.ended = False
        self.got = asyncio.Event()

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)

    @property
    def json(self) -> Mapping[str, Mapping[str, str]]:
        decoded: Mapping[str, Mapping[str, str]] = msgspec.json.decode(self.body)
        return decoded

    async def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        assert self.status is None
        self.status = status
        self.headers = {name.decode(): value.decode() for name, value in headers}

    async def send(self, body: bytes) -> None:
        assert not self.ended
        self.parts.append(body)
        self.got.set()

    async def end(self, body: bytes = b"") -> None:
        assert self.status is not None
        assert not self.ended
        self.parts.append(body)
        self.ended = True


class World(msgspec.Struct):
    """A delivery waiting to be run, and its surroundings."""

    delivery: Delivery
    client: Client


Make = Callable[..., World]
