"""TCP connections, straight or through an HTTP proxy's tunnel, for what speaks its own protocol over them."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any
from urllib.parse import SplitResult, unquote

from claude_code_router.core.errors import TransportFailed
from claude_code_router.core.failure import FailureKind
from claude_code_router.delivery.transport import kept_alive

_NEXT_AFTER_S = 0.25  # RFC 8305's "connection attempt delay"
_MOST_PROXY_BYTES = 16 << 10

Place = tuple[Any, Any, int, str, Any]
"""As `getaddrinfo` gives them."""


async def dialled(host: str, port: int, near: str) -> socket.socket:
    """`near` is what to call it. Raises TransportFailed."""
    try:
        places = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise TransportFailed(FailureKind.DNS, f"The name of {near} cannot be resolved.") from error
    try:
        return await first_to_accept(places)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise TransportFailed(FailureKind.CONNECT, f"{near} cannot be reached: {reason}.") from error


async def first_to_accept(places: Sequence[Place]) -> socket.socket:
    """The next place is tried beside those that have not answered for a moment, and at once after one that refuses: an address
    that swallows everything (mostly of a network with half an IPv6) costs a quarter of a second. Raises the last refusal."""
    loop = asyncio.get_running_loop()
    left = _families_in_turn(places)
    trying: set[asyncio.Task[socket.socket]] = set()
    accepted: list[socket.socket] = []
    refusal: OSError = OSError("it has no address")
    try:
        while (left or trying) and not accepted:
            if left:
                trying.add(loop.create_task(_dial(left.pop(0))))
            done, trying = await asyncio.wait(
                trying, timeout=_NEXT_AFTER_S if left else None, return_when=asyncio.FIRST_COMPLETED
            )
            refusal = _taken(done, accepted) or refusal
        if not accepted:
            raise refusal
        return accepted.pop(0)
    finally:
        for task in trying:
            task.cancel()
        late = await asyncio.gather(*trying, return_exceptions=True)
        for sock in (*accepted, *(one for one in late if isinstance(one, socket.socket))):
            sock.close()


def _taken(done: set[asyncio.Task[socket.socket]], accepted: list[socket.socket]) -> OSError | None:
    """The last refusal among them; those that accepted go to the others."""
    refusal: OSError | None = None
    for task in done:
        try:
            accepted.append(task.result())
        except OSError as error:
            refusal = error
    return refusal


def _families_in_turn(places: Sequence[Place]) -> list[Place]:
    first = [place for place in places if place[0] == places[0][0]]
    others = [place for place in places if place[0] != places[0][0]]
    return [place for place in chain.from_iterable(zip_longest(first, others)) if place is not None]


async def _dial(place: Place) -> socket.socket:
    family, kind, protocol, _, address = place
    sock = kept_alive((family, kind, protocol))
    sock.settimeout(0.0)
    connected = False
    try:
        await asyncio.get_running_loop().sock_connect(sock, address)
        connected = True
        return sock
    finally:
        if not connected:
            sock.close()


async def tunnelled(sock: socket.socket, host: str, port: int, proxy: SplitResult) -> None:
    """CONNECT: what follows on this socket is between us and the host. Raises TransportFailed."""
    loop = asyncio.get_running_loop()
    to = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {to} HTTP/1.1", f"Host: {to}"]
    if proxy.username is not None:
        word = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(word.encode()).decode()}")
    await loop.sock_sendall(sock, "\r\n".join((*lines, "", "")).encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        # Byte by byte: what comes after the blank line is the host's. It is a hundred bytes, once for a connection.
        byte = await loop.sock_recv(sock, 1)
        head += byte
        if not byte or len(head) > _MOST_PROXY_BYTES:
            raise TransportFailed(FailureKind.CONNECT, f"The proxy gave no answer for {host}.")
    status = head.split(b" ", 2)[1:2]
    if not status or not status[0].startswith(b"2"):
        code = status[0].decode("latin-1") if status else "no HTTP"
        raise TransportFailed(FailureKind.CONNECT, f"The proxy refused to connect to {host}: {code}.")
