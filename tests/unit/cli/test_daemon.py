"""The daemon's log files."""

from __future__ import annotations

from pathlib import Path

from claude_code_router.cli.daemon import LOGS_KEPT, new_log, tail


def test_logs_are_private_distinct_and_few(tmp_path: Path) -> None:
    """Each start has its own file; the newest nine stay."""
    (tmp_path / "ccr-20200101000000.log").touch()
    (tmp_path / "other.log").touch()
    logs = [new_log(tmp_path) for _ in range(LOGS_KEPT)]
    assert len(set(logs)) == LOGS_KEPT
    assert not (tmp_path / "ccr-20200101000000.log").exists() and (tmp_path / "other.log").exists()
    assert len(list(tmp_path.glob("ccr-*.log"))) == LOGS_KEPT
    assert logs[-1].stat().st_mode & 0o777 == 0o600


def test_the_tail_is_what_was_said_last(tmp_path: Path) -> None:
    """The last lines, and a word when there are none."""
    log = tmp_path / "x.log"
    log.write_bytes(b"first\n" * 50 + b"\xff last\n\n")
    assert tail(log).splitlines()[-1].endswith("last") and len(tail(log).splitlines()) == 20
    log.write_text("")
    assert "nothing" in tail(log)
