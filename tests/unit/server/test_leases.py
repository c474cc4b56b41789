"""Leases name living processes, and the watch ends a service only when nobody can be using it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from claude_code_router.server import leases


def test_a_process_has_one_mark_for_life() -> None:
    """The same process always has the same mark, another process another one."""
    assert leases.process_start(os.getpid()) == leases.process_start(os.getpid()) != ""
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert leases.process_start(other.pid) not in ("", leases.process_start(os.getpid()))
        other.communicate()


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 1])
def test_nobody_has_no_mark(pid: int) -> None:
    """No process, no mark; and never an error."""
    assert leases.process_start(pid) == ""


@pytest.mark.skipif(sys.platform == "win32", reason="zombies are POSIX")
def test_a_zombie_is_gone() -> None:
    """A killed process whose parent has not looked yet holds nothing any more."""
    process = subprocess.Popen(["sleep", "60"])
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert leases.process_start(process.pid) == ""
    process.wait()


def test_a_lease_lives_as_long_as_its_process(tmp_path: Path) -> None:
    """In use while the process lives; afterwards its lease is swept away."""
    assert not leases.in_use(tmp_path / "none")
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as user:
        path = leases.take(tmp_path, user.pid)
        assert leases.in_use(tmp_path)
        user.communicate()
    assert not leases.in_use(tmp_path)
    assert not path.exists()


@pytest.mark.parametrize("content", ["", "{", '{"pid":1,"start":"another boot"}', '{"pid":0,"start":""}', "[]"])
def test_a_lease_of_nobody_does_not_count(tmp_path: Path, content: str) -> None:
    """Torn files and reused pids keep no service alive."""
    (tmp_path / "1.json").write_text(content)
    assert not leases.in_use(tmp_path)


def test_the_wish_to_stay_counts_until_it_is_taken_back(tmp_path: Path) -> None:
    """`keep` needs no process behind it."""
    path = leases.keep(tmp_path)
    assert leases.in_use(tmp_path)
    leases.release(path)
    assert not leases.in_use(tmp_path)


class Service:
    """Records what the watch did; a client may come in between."""

    def __init__(self, directory: Path, *, late_client: bool = False) -> None:
        self.directory = directory
        self.late_client = late_client
        self.did: list[str] = []

    def withdraw(self) -> None:
        self.did.append("withdraw")
        if self.late_client:
            leases.take(self.directory, os.getpid())
            self.late_client = False

    def publish(self) -> None:
        self.did.append("publish")
        for path in self.directory.glob("*"):
            path.unlink()

    def stop(self) -> None:
        self.did.append("stop")

    async def watch(self) -> None:
        await leases.watch_leases(
            self.directory,
            withdraw=self.withdraw,
            publish=self.publish,
            stop=self.stop,
            grace_s=0.02,
            look_every_s=0.01,
        )


async def test_an_unused_service_stops(tmp_path: Path) -> None:
    """Without any lease the announcement goes first and then the service."""
    service = Service(tmp_path)
    await service.watch()
    assert service.did == ["withdraw", "stop"]


async def test_a_client_that_comes_at_the_last_moment_is_served(tmp_path: Path) -> None:
    """A lease taken while the announcement is withdrawn brings it back; the service ends only after that client."""
    service = Service(tmp_path, late_client=True)
    await service.watch()
    assert service.did == ["withdraw", "publish", "withdraw", "stop"]


async def test_a_service_that_shall_stay_stays(tmp_path: Path) -> None:
    """With the wish to stay the watch never touches the announcement."""
    leases.keep(tmp_path)
    service = Service(tmp_path)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await service.watch()
    assert service.did == []
