"""The one door of SQLAlchemy. Its errors stop here: `StoreFailed` (later may be better) and `RowRejected` (never).

Costs about 20 MB of memory to import, so the server imports it in the writer's thread, when there is a first record.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import event

from claude_code_router.store.errors import RowRejected, StoreFailed
from claude_code_router.store.location import shown, sqlite_path
from claude_code_router.store.row import Row, Rows
from claude_code_router.store.schema import KEYS, MIGRATIONS, TABLES, Field, Migration

__all__ = ["ATTEMPTS", "BODIES", "PAIRS", "REQUESTS", "SCORES", "Database", "sa"]

BUSY_TIMEOUT_S = 2.0
_AT_ONCE = 250
"""Rows that are read before they are looked at: as many as fit into a processor's cache."""

_TYPES: dict[str, type[sa.types.TypeEngine[Any]]] = {"text": sa.Text, "integer": sa.Integer, "real": sa.Double}
_metadata = sa.MetaData()


def _table(name: str, fields: Sequence[Field]) -> sa.Table:
    columns = [sa.Column(field.name, _TYPES[field.type], primary_key=field.name in KEYS[name]) for field in fields]
    return sa.Table(name, _metadata, *columns)


REQUESTS = _table("requests", TABLES["requests"])
ATTEMPTS = _table("attempts", TABLES["attempts"])
BODIES = _table("bodies", TABLES["bodies"])
SCORES = _table("scores", TABLES["scores"])
PAIRS = _table("pairs", TABLES["pairs"])
_VERSIONS = sa.Table(
    "schema_versions", _metadata, sa.Column("version", sa.Integer, primary_key=True), sa.Column("at", sa.Double)
)


class _Insert(NamedTuple):
    """Rows as the driver takes them. SQLAlchemy's own way through every value of every row costs four times as much, and this
    is done for each request."""

    statement: str
    values_of: Callable[[Row], tuple[Any, ...]]


def _insert(name: str, fields: Sequence[Field], dialect: sa.Dialect) -> _Insert:
    place = "?" if dialect.paramstyle == "qmark" else "%s"
    names = [field.name for field in fields]
    places = ", ".join([place] * len(names))
    return _Insert(f"INSERT INTO {name} ({', '.join(names)}) VALUES ({places})", itemgetter(*names))


class Database:
    """One database of records. Opening it makes the file (mode 0600) and brings it to the newest schema.

    Used from one thread at a time.
    """

    def __init__(self, url: str, migrations: Sequence[Migration] = MIGRATIONS) -> None:
        self.url = url
        self._file = sqlite_path(url)
        with _translated(url):
            if self._file:
                _make_private(self._file)
            self._engine = _engine(url)
            self._inserts = {name: _insert(name, fields, self._engine.dialect) for name, fields in TABLES.items()}
            try:
                self._migrate(migrations)
            except BaseException:
                self._engine.dispose()
                raise
        self._inode = self._file.stat().st_ino if self._file else 0

    def close(self) -> None:
        self._engine.dispose()

    @property
    def replaced(self) -> bool:
        """The file was deleted or replaced behind our back: what we write now, nobody will read."""
        if not self._file:
            return False
        try:
            return self._file.stat().st_ino != self._inode
        except OSError:
            return True

    def insert(self, rows: Sequence[Rows]) -> None:
        """All or none, in one transaction."""
        if not rows:
            return
        with _translated(self.url), self._engine.begin() as connection:
            for name, way in self._inserts.items():
                if found := [way.values_of(row) for one in rows for row in one.tables.get(name, ())]:
                    connection.exec_driver_sql(way.statement, found)

    def select(self, statement: sa.Select[Any]) -> list[Row]:
        with _translated(self.url), self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]

    def tuples(self, statement: sa.Select[Any]) -> Iterator[Sequence[Any]]:
        """For statistics over many rows: read as they come, not held."""
        with _translated(self.url), self._engine.connect() as connection:
            yield from connection.execution_options(yield_per=2000).execute(statement)

    def raw(self, statement: sa.Select[Any]) -> Iterator[Sequence[Any]]:
        """As `tuples`; from SQLite straight from the driver: a million rows in half the time. Only for columns of plain
        types, which all of ours are."""
        return chain.from_iterable(self._batches(statement)) if self._file else self.tuples(statement)

    def _batches(self, statement: sa.Select[Any]) -> Iterator[Sequence[Sequence[Any]]]:
        with _translated(self.url), self._engine.connect() as connection:
            cursor = connection.execute(statement).cursor
            assert cursor is not None  # a SELECT has one
            while rows := cursor.fetchmany(2000):
                yield rows

    def delete_before(self, at: float, limit: int) -> int:
        """One small step of retention, so that nobody waits long for the lock. Returns how many requests went."""
        with _translated(self.url), self._engine.begin() as connection:
            oldest = sa.select(REQUESTS.c.id).where(REQUESTS.c.at < at).order_by(REQUESTS.c.at).limit(limit)
            ids = list(connection.scalars(oldest))
            if ids:
                connection.execute(sa.delete(ATTEMPTS).where(ATTEMPTS.c.request_id.in_(ids)))
                for table in (BODIES, SCORES, PAIRS):
                    connection.execute(sa.delete(table).where(table.c.request_id.in_(ids)))
                connection.execute(sa.delete(REQUESTS).where(REQUESTS.c.id.in_(ids)))
        return len(ids)

    def _migrate(self, migrations: Sequence[Migration]) -> None:
        with self._engine.begin() as connection:
            _VERSIONS.create(connection, checkfirst=True)
            have = connection.scalar(sa.select(sa.func.max(_VERSIONS.c.version))) or 0
            newest = migrations[-1].version if migrations else 0
            if have > newest:
                raise StoreFailed(
                    f"The records at {shown(self.url)} have schema {have}; this version knows up to {newest}.",
                    hint="Use the newer version of the router that wrote them, or set DATABASE_URL to another place.",
                )
            for migration in migrations[have:]:
                for statement in migration.statements:
                    connection.exec_driver_sql(statement)
                connection.execute(sa.insert(_VERSIONS), {"version": migration.version, "at": time.time()})


def _engine(url: str) -> sa.Engine:
    if not url.startswith("sqlite"):
        return sa.create_engine(_with_driver(url), pool_pre_ping=True)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # sqlite3 would begin transactions late and by itself, and not for DDL
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
            # With WAL: a power cut may lose the last rows, never the file.
            connection.execute("PRAGMA synchronous=NORMAL").close()
        except BaseException:
            connection.close()
            raise

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _with_driver(url: str) -> str:
    """`postgresql://` as every hosting names it means psycopg 3, which is our extra; SQLAlchemy would take the older one."""
    kind, colon, rest = url.partition("://")
    return f"postgresql+psycopg{colon}{rest}" if kind in ("postgresql", "postgres") else url


def _make_private(file: Path) -> None:
    """Before SQLite makes it: its own files beside (-wal, -shm) take over the mode of this one."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Only when it is new: closing any descriptor of an open database drops this process's locks on it
    # (https://www.sqlite.org/howtocorrupt.html, 2.2).
    with contextlib.suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    if file.stat().st_mode & 0o077:
        file.chmod(0o600)


@contextlib.contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except (sa.exc.IntegrityError, sa.exc.DataError, UnicodeError, OverflowError) as error:
        raise RowRejected(f"The records at {shown(url)} do not take a row: {_reason(error)}") from error
    except (sa.exc.SQLAlchemyError, ImportError, OSError) as error:
        raise StoreFailed(f"The records at {shown(url)} cannot be used: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """The driver's own words without the statement, whose parameters are the owner's data."""
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
