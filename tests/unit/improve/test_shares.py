"""Work in several processes: every share once, progress from all, faults told, nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from claude_code_router.core.errors import RouterError
from claude_code_router.improve.shares import MANY, Progress, how_many, shared
from claude_code_router.store.db import Database
from claude_code_router.store.errors import StoreFailed
from claude_code_router.store.location import sqlite_url
from claude_code_router.store.period import Period, Share, decided


def counted(share: Share, progress: Progress) -> tuple[int, int, int]:
    progress(10)
    return share.number, share.of, os.getpid()


def failing(share: Share, progress: Progress) -> int:
    if share.number:
        raise StoreFailed("The records are locked.")
    return 0


def dying(share: Share, progress: Progress) -> int:
    if share.number:
        os._exit(1)
    return 0


def test_every_share_is_worked_once_and_the_first_here() -> None:
    done: list[int] = []
    found = shared(counted, 3, done.append)
    assert [one[:2] for one in found] == [(0, 3), (1, 3), (2, 3)]
    assert found[0][2] == os.getpid()
    assert len({pid for *_, pid in found}) == 3
    assert done[-1] % 10 == 0


def test_one_share_starts_nobody() -> None:
    assert shared(counted, 1, lambda _: None) == [(0, 1, os.getpid())]
    assert how_many(MANY - 1) == 1
    assert 1 <= how_many(MANY) <= 4


@pytest.mark.parametrize(("work", "said"), [(failing, "The records are locked"), (dying, "has died")])
def test_what_a_share_could_not_do_is_told(work: object, said: str) -> None:
    with pytest.raises(RouterError, match=said):
        shared(work, 2, lambda _: None)  # type: ignore[arg-type]


WAITING = """
import os, time
from claude_code_router.improve.shares import shared

def wait(share, progress):
    os.write(1, f"{share.number}\\n".encode())  # at once, or three processes' words run together
    time.sleep(60)

if __name__ == "__main__":
    shared(wait, 3, lambda _: None)
"""


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGKILL])
def test_nobody_outlives_it(tmp_path: Path, way: signal.Signals) -> None:
    """Ctrl-C, which the terminal tells to the whole group, ends all with one traceback at most: the first's own. Where it is
    killed, the others end with their next word."""
    script = tmp_path / "waiting.py"
    script.write_text(WAITING if way is signal.SIGINT else WAITING.replace("sleep(60)", "sleep(1); progress(1)"))
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as it:
        assert it.stdout is not None
        begun = sorted(it.stdout.readline() for _ in range(3))
        family = [psutil.Process(it.pid), *psutil.Process(it.pid).children(recursive=True)]
        if way is signal.SIGINT:
            os.killpg(it.pid, way)
        else:
            it.send_signal(way)
        _, said = it.communicate(timeout=20)
    assert begun == ["0\n", "1\n", "2\n"]
    assert said.count("Traceback") <= 1
    assert not psutil.wait_procs(family, timeout=10)[1]


def test_shares_of_records_are_all_of_them_once(tmp_path: Path) -> None:
    """Whatever the ids look like, and none parts a session."""
    database = Database(sqlite_url(tmp_path / "records.sqlite"))
    sessions = ["", None, "s-é", "a1", "b2", "C3", "…", "9"]
    with database._engine.begin() as connection:
        for number in range(80):
            connection.exec_driver_sql(
                "INSERT INTO requests (id, at, written_at, outcome, status, session) VALUES (?, ?, 1, 'x', 200, ?)",
                (f"req_{number:x}", float(number), sessions[number % len(sessions)]),
            )
    for of in (1, 2, 3, 4):
        parts = [list(decided(database, Period(), Share(number=number, of=of))) for number in range(of)]
        assert sorted(row[0] for part in parts for row in part) == sorted(f"req_{n:x}" for n in range(80))
        named = [{row[2] for row in part if row[2]} for part in parts]
        assert sum(map(len, named)) == len(set().union(*named)) == 6
        assert all([row[1] for row in part] == sorted(row[1] for row in part) for part in parts)
    database.close()
