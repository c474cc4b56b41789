"""What RFC 9113 asks of a client, on real sockets: windows, settings, connections that die, and who is told what."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from tests.unit.delivery.h2_server import PEM, Asked, H2Server, h2_server
from tests.unit.delivery.test_http2_transport import asking, echo, forever, kind_of, read, whole

from claude_code_router.core.failure import FailureKind
from claude_code_router.delivery.dialling import first_to_accept
from claude_code_router.delivery.http2_transport import Http2Transport
from claude_code_router.delivery.transport import AiohttpTransport, Timeouts, UpstreamRequest

SILENCE_S = 0.5


@pytest.fixture
async def transport() -> AsyncIterator[Http2Transport]:
    made = Http2Transport(AiohttpTransport(), silence_s=SILENCE_S)
    yield made
    await made.close()


async def open_up(asked: Asked) -> None:
    """Windows that no request of a test fills."""
    h2 = asked.connection.h2
    h2.increment_flow_control_window(1 << 29)
    h2.increment_flow_control_window(1 << 29, asked.id)
    asked.connection.flush()


# Windows and settings


async def test_a_slow_reader_slows_the_server(transport: Http2Transport) -> None:
    """No more than a stream's window is in memory, and the neighbour goes on."""
    sent = 0

    async def answer(asked: Asked) -> None:
        nonlocal sent
        await asked.whole.wait()
        if asked.body == b"ok":
            return await echo(asked)
        asked.begin()
        for _ in range(200):
            await asked.say(b"x" * 16_000)
            sent += 16_000
        return await asked.say(b"", end=True)

    async with h2_server(answer) as server:
        slow = await transport.post(asking(server.url), Timeouts())
        await asyncio.sleep(0.1)
        assert sent <= 256 << 10
        assert await whole(transport, asking(server.url, b"ok")) == b"ok"
        assert len(await read(slow)) == 3_200_000
        slow.close()
        assert len(server.connections) == 1


async def test_padding_counts_and_is_given_back(transport: Http2Transport) -> None:
    """Frames of nothing but padding use up the window as data does."""

    async def answer(asked: Asked) -> None:
        asked.begin()
        h2 = asked.connection.h2
        for _ in range(2000):
            while h2.local_flow_control_window(asked.id) < 300:
                asked.connection.windows.clear()
                await asked.connection.windows.wait()
            h2.send_data(asked.id, b"", pad_length=255)
            asked.connection.flush()
        await asked.say(b"done", end=True)

    async with h2_server(answer) as server, asyncio.timeout(5):
        assert await whole(transport, asking(server.url)) == b"done"


async def test_a_window_that_shrinks_under_way(transport: Http2Transport) -> None:
    """SETTINGS_INITIAL_WINDOW_SIZE below what is on its way: the rest waits, and all arrives."""

    async def answer(asked: Asked) -> None:
        h2 = asked.connection.h2
        h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 100})
        asked.connection.flush()
        await asyncio.sleep(0.05)
        h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 100_000})
        asked.connection.flush()
        await echo(asked)

    async with h2_server(answer) as server, asyncio.timeout(5):
        assert await whole(transport, asking(server.url, b"x" * 300_000)) == b"x" * 300_000


async def test_an_early_answer_while_nothing_is_read(transport: Http2Transport) -> None:
    """A server that refuses a large body by status, and does not even take it off the wire."""

    async def answer(asked: Asked) -> None:
        await open_up(asked)
        while len(asked.body) < 1 << 20:
            await asyncio.sleep(0.002)
        asked.connection.transport.pause_reading()
        asked.begin(413)
        await asked.say(b"too large", end=True)

    async with h2_server(answer) as server, asyncio.timeout(5):
        reply = await transport.post(asking(server.url, b"x" * 40_000_000), Timeouts())
        assert reply.status == 413
        assert await read(reply) == b"too large"
        reply.close()


async def test_a_whole_answer_and_no_interest_in_the_rest(transport: Http2Transport) -> None:
    """RST_STREAM(NO_ERROR) behind a whole early answer takes nothing away from it."""

    async def answer(asked: Asked) -> None:
        asked.begin(401)
        await asked.say(b"who?", end=True)
        asked.break_off(ErrorCodes.NO_ERROR)

    async with h2_server(answer) as server:
        assert await whole(transport, asking(server.url, b"x" * 500_000)) == b"who?"
        assert len(server.connections) == 1


# Messages


async def test_words_before_and_after(transport: Http2Transport) -> None:
    """1xx and trailers are read and are no part of the reply."""

    async def answer(asked: Asked) -> None:
        h2 = asked.connection.h2
        for status in ("100", "103"):
            h2.send_headers(asked.id, [(":status", status), ("x-early", "1")])
        asked.begin(200, (("x-late", "2"), ("content-length", "4")))
        await asked.say(b"body")
        h2.send_headers(asked.id, [("x-trailer", "3")], end_stream=True)
        asked.connection.flush()

    async with h2_server(answer) as server:
        reply = await transport.post(asking(server.url), Timeouts())
        assert (reply.status, reply.headers) == (200, [("x-late", "2"), ("content-length", "4")])
        assert await read(reply) == b"body"
        reply.close()


@pytest.mark.parametrize("way", ["data", "trailers", "headers", "late"])
async def test_less_than_was_announced(transport: Http2Transport, way: str) -> None:
    """A body shorter than its content-length is cut, wherever the end stands, and whatever comes in one lump."""

    async def answer(asked: Asked) -> None:
        await asked.whole.wait()
        h2, head = asked.connection.h2, [(":status", "200"), ("content-length", "10")]
        h2.send_headers(asked.id, head, end_stream=way == "headers")
        if way == "late":
            asked.connection.flush()
            await asyncio.sleep(0.05)
        if way != "headers":
            h2.send_data(asked.id, b"half", end_stream=way != "trailers")
        if way == "trailers":
            h2.send_headers(asked.id, [("x-trailer", "3")], end_stream=True)
        asked.connection.flush()

    async with h2_server(answer) as server:
        assert await kind_of(transport, asking(server.url)) == FailureKind.CUT


async def test_neighbours_of_what_is_malformed(transport: Http2Transport) -> None:
    """They did nothing wrong: they are told of a broken connection, which is asked again."""

    async def answer(asked: Asked) -> None:
        await asked.whole.wait()
        if asked.body == b"bad":
            asked.connection.transport.write(
                b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"
            )  # WINDOW_UPDATE of 0
        await asyncio.Event().wait()

    async with h2_server(answer) as server, asyncio.TaskGroup() as group:
        neighbour = group.create_task(kind_of(transport, asking(server.url)))
        while not server.asked:
            await asyncio.sleep(0.002)
        await kind_of(transport, asking(server.url, b"bad"))
        assert await neighbour == FailureKind.RESET


async def test_a_reply_of_two_compressed_parts(transport: Http2Transport) -> None:
    """gzip allows for several members; half of the second is a cut."""
    sent = gzip.compress(b"one, ") + gzip.compress(b"two")

    async def answer(asked: Asked) -> None:
        await asked.whole.wait()
        asked.begin(200, (("content-encoding", "gzip"),))
        await asked.say(sent if asked.body == b"whole" else sent[:-9], end=True)

    async with h2_server(answer) as server:
        assert await whole(transport, asking(server.url, b"whole")) == b"one, two"
        assert await kind_of(transport, asking(server.url, b"half")) == FailureKind.CUT


async def test_secrets_are_in_nobodys_table(transport: Http2Transport) -> None:
    """What gives access is sent as never to be indexed, by us or by whoever passes it on."""
    headers = [
        (name, "k") for name in ("authorization", "x-api-key", "api-key", "x-goog-api-key", "cf-aig-auth", "x-app")
    ]
    async with h2_server(echo) as server:
        request = UpstreamRequest(url=f"{server.url}/v1?key=k", headers=headers, http2=True, ca_file=str(PEM))
        await whole(transport, request)
        [asked] = server.asked
        assert asked.never_indexed == {name.encode() for name, _ in headers if name != "x-app"} | {b":path"}


# Who is spoken to how


async def test_nothing_is_said_in_http2_to_who_did_not_choose_it(transport: Http2Transport) -> None:
    """Not a byte before the handshake has said which protocol it is."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        assert await whole(transport, asking(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")) == b"ok"
    assert [said[:4] for said in heard if said] == [b"POST"]


async def test_what_wants_http1_gets_it(transport: Http2Transport) -> None:
    """RST_STREAM(HTTP_1_1_REQUIRED): asked again in HTTP/1.1, and the next one at once."""

    async def answer(asked: Asked) -> None:
        asked.break_off(ErrorCodes.HTTP_1_1_REQUIRED)

    async with h2_server(answer) as server:
        # This server knows nothing else: the fallback's own failure says that it was tried.
        for _ in range(2):
            assert await kind_of(transport, asking(server.url)) in ("malformed", "reset")
        assert len(server.asked) == 1


# Connections that die


async def test_a_connection_lost_with_many_streams(transport: Http2Transport) -> None:
    """Each gets its own error, by how far it had come; all are asked again over one new connection."""

    async def answer(asked: Asked) -> None:
        await asked.whole.wait()
        if len(server.connections) > 1:
            return await echo(asked)
        if asked.body.startswith(b"begun"):
            asked.begin()
            await asked.say(b"begun")
        if len(server.asked) == 20:
            await asyncio.sleep(0.05)
            asked.connection.transport.abort()
        return None

    async with h2_server(answer) as server:
        words = [f"{'begun' if number % 2 else 'not'} {number}".encode() for number in range(20)]
        kinds = await asyncio.gather(*(kind_of(transport, asking(server.url, word)) for word in words))
        assert kinds == [FailureKind.RESET, FailureKind.CUT] * 10
        assert await asyncio.gather(*(whole(transport, asking(server.url, word)) for word in words)) == words
        assert len(server.connections) == 2


async def dead_after_one(server: H2Server, transport: Http2Transport) -> None:
    """The server's side goes deaf, and the connection looks as well as before."""
    assert await whole(transport, asking(server.url)) == b'{"model":"m"}'
    server.connections[0].transport.pause_reading()


async def test_a_dead_connection_is_noticed(transport: Http2Transport) -> None:
    """A PING without an answer ends it long before the time limit, and what comes next gets another one."""
    async with h2_server(echo) as server, asyncio.timeout(5):
        await dead_after_one(server, transport)
        assert await kind_of(transport, asking(server.url)) == FailureKind.RESET
        assert await whole(transport, asking(server.url, b"next")) == b"next"


async def test_a_dead_connection_is_tried_once(transport: Http2Transport) -> None:
    """What was given up without a word from the server leaves a connection that nobody else is put on."""
    async with h2_server(echo) as server, asyncio.timeout(5):
        await dead_after_one(server, transport)
        timeouts = Timeouts(first_byte_s=SILENCE_S / 4)
        assert await kind_of(transport, asking(server.url), timeouts) == FailureKind.FIRST_BYTE_TIMEOUT
        assert await whole(transport, asking(server.url, b"next"), Timeouts(first_byte_s=3)) == b"next"
        assert len(server.connections) == 2


async def test_a_silent_connection_that_lives(transport: Http2Transport) -> None:
    """A model that thinks for long: the server answers our PINGs, and we its; nothing is given up."""

    async def answer(asked: Asked) -> None:
        await asyncio.sleep(SILENCE_S * 2)
        asked.connection.h2.ping(b"are you?")
        asked.connection.flush()
        await asyncio.sleep(0.05)
        await echo(asked)

    async with h2_server(answer) as server:
        assert await whole(transport, asking(server.url)) == b'{"model":"m"}'
        assert server.connections[0].pings_answered == 1
        assert len(server.connections) == 1


async def test_given_up_before_a_word_and_well_all_the_same(transport: Http2Transport) -> None:
    """A client that leaves early does not cost the connection: one PING clears the doubt."""
    async with h2_server(lambda asked: forever(asked) if len(server.asked) == 1 else echo(asked)) as server:
        await kind_of(transport, asking(server.url), Timeouts(first_byte_s=0.1))
        await asyncio.sleep(0.05)
        await whole(transport, asking(server.url))
        assert len(server.connections) == 1


async def test_connections_do_not_serve_for_ever(transport: Http2Transport) -> None:
    """Thousands of streams on one connection: it is left for another before what it must remember of them grows."""
    async with h2_server(echo) as server:
        await whole(transport, asking(server.url))
        [pool] = transport._pools.values()
        [connection] = pool.connections
        connection._h2.highest_outbound_stream_id = 20_001
        assert not connection.has_room


@pytest.mark.parametrize("deaf", [True, False])
async def test_the_first_address_does_not_answer(deaf: bool) -> None:
    """A name's other addresses are tried beside one that is silent, and after one that refuses."""
    with socket.socket() as bad, socket.socket() as good:
        bad.bind(("127.0.0.1", 0))
        good.bind(("127.0.0.1", 0))
        good.listen()
        if deaf:
            bad.listen(0)
        callers = [socket.socket() for _ in range(3)]
        for caller in callers:
            caller.settimeout(0.0)
            caller.connect_ex(bad.getsockname())
        places = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", one.getsockname()) for one in (bad, good)]
        async with asyncio.timeout(2):
            with await first_to_accept(places) as sock:
                assert sock.getpeername() == good.getsockname()
        for caller in callers:
            caller.close()


def test_on_the_loop_that_serves() -> None:
    """uvloop's transports differ from asyncio's."""
    uvloop = pytest.importorskip("uvloop")

    async def all_of_it() -> None:
        for story in (
            test_an_early_answer_while_nothing_is_read,
            test_nothing_is_said_in_http2_to_who_did_not_choose_it,
            test_a_dead_connection_is_noticed,
            test_a_connection_lost_with_many_streams,
        ):
            transport = Http2Transport(AiohttpTransport(), silence_s=SILENCE_S)
            await story(transport)
            await transport.close()
        await test_the_first_address_does_not_answer(deaf=True)

    uvloop.run(all_of_it())
