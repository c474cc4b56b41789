"""Who uses a service that `ccr code` started: one file per running client, so that the service can end with the last of them.

A lease names a *process* (pid and start), not a counter: whoever dies without a word, even by `kill -9`, is gone from the
count at the next look. The process that writes the lease later becomes claude (exec keeps pid and start).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

KEEP = "keep"
"""A lease under this name has no process: the owner asked for a service that stays (`ccr start`)."""

GRACE_S = 5.0  # a script that calls `ccr code -p` in a loop should find the same service again
LOOK_EVERY_S = 1.0


class Lease(msgspec.Struct, frozen=True):
    pid: int
    start: str


def process_start(pid: int) -> str:
    """A mark that no other process with this pid shares; empty when no such process lives (or only its zombie).

    Boot id and start in clock ticks since boot on Linux: the wall-clock start that psutil gives moves when the clock is set.
    """
    if pid <= 0:
        return ""
    return _start_on_linux(pid) if sys.platform == "linux" else _start_elsewhere(pid)


def _start_on_linux(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    except OSError:
        return ""
    fields = stat[stat.rindex(b")") + 2 :].split()  # proc(5): the name in parentheses may hold spaces
    return "" if fields[0] in (b"Z", b"X") else f"{boot}.{fields[19].decode()}"


def _start_elsewhere(pid: int) -> str:
    import psutil

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.1f}"
    except psutil.Error:
        return ""


def take(directory: Path, pid: int) -> Path:
    """Writes the lease of a living process."""
    lease = Lease(pid, process_start(pid))
    return _write(directory, f"{pid}.json", msgspec.json.encode(lease))


def keep(directory: Path) -> Path:
    """The service stays until it is stopped, whoever started it."""
    return _write(directory, KEEP, b"")


def _write(directory: Path, name: str, content: bytes) -> Path:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / name
    fresh = directory / f".{name}.{os.getpid()}"
    fresh.write_bytes(content)
    fresh.replace(path)
    return path


def in_use(directory: Path) -> bool:
    """Whether anybody holds a lease; leases of dead processes are removed on the way."""
    used = False
    for path in directory.glob("*") if directory.is_dir() else ():
        if path.name.startswith("."):
            continue
        if path.name == KEEP or _alive(path):
            used = True
        else:
            release(path)
    return used


def _alive(path: Path) -> bool:
    try:
        lease = msgspec.json.decode(path.read_bytes(), type=Lease)
    except (OSError, msgspec.MsgspecError):
        return False
    return bool(lease.start) and process_start(lease.pid) == lease.start


async def watch_leases(
    directory: Path,
    *,
    withdraw: Callable[[], None],
    publish: Callable[[], None],
    stop: Callable[[], None],
    grace_s: float = GRACE_S,
    look_every_s: float = LOOK_EVERY_S,
) -> None:
    """Calls `stop` once nobody has held a lease for `grace_s`, then returns.

    `withdraw` removes the service's announcement (the state file) and `publish` puts it back. A client takes its lease first
    and then reads the announcement; we withdraw the announcement first and then look for leases. So either we see its lease
    or it sees that there is no service: nobody is sent to a service that is about to end.
    """
    unused_s = 0.0
    while True:
        await asyncio.sleep(look_every_s)
        unused_s = 0.0 if in_use(directory) else unused_s + look_every_s
        if unused_s < grace_s:
            continue
        withdraw()
        if not in_use(directory):
            stop()
            return
        publish()
        unused_s = 0.0


def release(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
