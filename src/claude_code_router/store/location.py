"""Where the records are kept, as a database URL. Free of SQLAlchemy: the server names the place before it opens it."""

from __future__ import annotations

import re
from pathlib import Path


def location(database_url: str, default: Path) -> str:
    """The owner's `DATABASE_URL` if there is one, else the SQLite file `default`."""
    return database_url or sqlite_url(default)


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def sqlite_path(url: str) -> Path | None:
    """The file behind a SQLite URL; None for other databases and for the in-memory one."""
    kind, _, path = url.partition(":///")
    if not kind.startswith("sqlite") or path in ("", ":memory:"):
        return None
    return Path(path.partition("?")[0]).expanduser()


def shown(url: str) -> str:
    """The URL as it may stand in a log: without its password."""
    return re.sub(r"://([^:/@]*):[^@/]*@", r"://\1:***@", url)
