"""Where the records are."""

from __future__ import annotations

from pathlib import Path

import pytest

from claude_code_router.store.location import location, shown, sqlite_path, sqlite_url


def test_the_owners_place_wins() -> None:
    """DATABASE_URL if there is one, else the file beside the config."""
    assert location("", Path("/h/records.sqlite")) == "sqlite:////h/records.sqlite"
    assert location("postgresql://h/db", Path("/h/records.sqlite")) == "postgresql://h/db"


@pytest.mark.parametrize("path", ["/a/b.sqlite", "rel/b.sqlite", "/with space/b.sqlite"])
def test_a_file_and_its_url(path: str) -> None:
    """A path becomes a URL and comes back."""
    assert sqlite_path(sqlite_url(Path(path))) == Path(path)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "postgresql://h/db", "postgresql+psycopg:///db"])
def test_what_is_no_file(url: str) -> None:
    """Other databases and the in-memory one have no file of ours."""
    assert sqlite_path(url) is None


def test_a_password_is_not_shown() -> None:
    """The rest of the URL is, so that the owner knows which database is meant."""
    assert shown("postgresql://me:hunter2@host:5432/db") == "postgresql://me:***@host:5432/db"
    assert shown("postgresql://me@host/db") == "postgresql://me@host/db"
