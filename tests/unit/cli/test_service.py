"""The judgement whether a router runs, and the file it starts from."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from claude_code_router.cli import service
from claude_code_router.cli.service import Answer, Health, ServiceState, Situation, situation
from claude_code_router.config.home import Home
from claude_code_router.server.leases import process_start

STATE = ServiceState(pid=41, start="boot.7", host="127.0.0.1", port=1, instance="token", version="1")
OURS, OTHERS = Health(instance="token"), Health(instance="another")


@pytest.mark.parametrize(
    ("state", "start_now", "answer", "expected"),
    [
        (None, "", Answer.REFUSED, Situation.STOPPED),
        (STATE, "boot.7", OURS, Situation.RUNNING),
        (STATE, "", OURS, Situation.RUNNING),
        (STATE, "boot.9", OURS, Situation.RUNNING),
        (STATE, "boot.7", Answer.SILENT, Situation.HUNG),
        (STATE, "boot.7", Answer.REFUSED, Situation.HUNG),
        (STATE, "", Answer.REFUSED, Situation.STALE),
        (STATE, "boot.9", Answer.REFUSED, Situation.STALE),
        (STATE, "", Answer.OTHER, Situation.FOREIGN),
        (STATE, "boot.9", OTHERS, Situation.FOREIGN),
        (STATE, "", Answer.SILENT, Situation.FOREIGN),
    ],
)
def test_situation(state: ServiceState | None, start_now: str, answer: Health | Answer, expected: Situation) -> None:
    """The token on the port decides; without it, whether the very same process lives; without that, who has the port."""
    assert situation(state, start_now, answer) is expected


def test_the_state_comes_back_and_is_private(tmp_path: Path) -> None:
    """What was written is read; only the owner may read file and directory; nothing else lies around."""
    path = tmp_path / "home" / "service.json"
    service.write_state(path, STATE)
    assert service.read_state(path) == STATE
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("content", ["", "{", "41", '{"pid": "x"}', "\xff"])
def test_a_file_that_is_no_state_names_nobody(tmp_path: Path, content: str) -> None:
    """Torn, foreign or from an unknown version: as good as none."""
    path = tmp_path / "service.json"
    path.write_text(content, encoding="latin-1")
    assert service.read_state(path) is None


def test_only_the_own_state_is_removed(tmp_path: Path) -> None:
    """A service that ends late leaves its successor's file alone."""
    path = tmp_path / "service.json"
    service.write_state(path, STATE)
    service.remove_state(path, "another")
    assert path.exists()
    service.remove_state(path, "token")
    service.remove_state(path, "token")
    assert not path.exists()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b'HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{"instance":"token"}', OURS),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", Answer.OTHER),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}", Answer.OTHER),
        (b"220 mail.example ESMTP\r\n", Answer.OTHER),
        (b"\xff\xfe\x00", Answer.OTHER),
        (b"", Answer.OTHER),
        (None, Answer.SILENT),
    ],
)
def test_probe(answer: bytes | None, expected: Health | Answer) -> None:
    """Whatever listens there: a health report of ours, something else, or silence."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()
        thread = threading.Thread(target=answer_once, args=(listener, answer, done))
        thread.start()
        timeout_s = 0.1 if answer is None else 5.0
        assert service.probe("127.0.0.1", listener.getsockname()[1], timeout_s=timeout_s) == expected
        done.set()
        thread.join()


def answer_once(listener: socket.socket, answer: bytes | None, done: threading.Event) -> None:
    connection, _ = listener.accept()
    with connection:
        if answer is None:
            done.wait(5)
            return
        connection.recv(65_536)
        connection.sendall(answer)


def test_a_closed_port_is_refused() -> None:
    """Nobody listens: said as such."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert service.probe("127.0.0.1", port) is Answer.REFUSED


def test_find_sees_our_own_living_process(tmp_path: Path) -> None:
    """The state of a living process whose port is closed is a hung service, not a stopped one."""
    home = Home(tmp_path)
    assert service.find(home).situation is Situation.STOPPED
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    here = ServiceState(
        pid=os.getpid(), start=process_start(os.getpid()), host="127.0.0.1", port=port, instance="t", version="1"
    )
    service.write_state(home.service, here)
    assert service.find(home).situation is Situation.HUNG


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("192.168.1.4", "http://192.168.1.4:80"),
    ],
)
def test_base_url(host: str, url: str) -> None:
    """A client on this machine gets an address that it can reach."""
    assert service.base_url(host, 80) == url


def test_the_owner_of_a_port_is_named() -> None:
    """Name and pid of the process that listens, as far as this user may see."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert f"(pid {os.getpid()})" in service.port_owner(listener.getsockname()[1])
