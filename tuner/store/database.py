"""The SQLite file of a home: its schema, brought up to date when it is opened, and transactions."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from tuner.errors import StoreError

SCHEMA_VERSION = 7
_HERE = Path(__file__).parent
_BUSY_SECONDS = 30.0


class Database:
    """An open file. One object belongs to one thread.

    All changes are transactions: after a crash a fact is there or it is not. Raises StoreError.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = path
        try:
            if path != ":memory:":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            target, is_writable = _target(path)
            self._db = sqlite3.connect(target, timeout=_BUSY_SECONDS, isolation_level=None, uri=True)
            self._db.row_factory = sqlite3.Row
            if is_writable:
                self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")  # a recorded fact survives the power plug
            self._db.execute("PRAGMA foreign_keys = ON")
        except (OSError, sqlite3.Error) as error:
            raise self._as_ours(error) from error
        self._bring_up_to_date()

    def close(self) -> None:
        """Close the file; the object is of no use afterwards."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.close()
        if type(error) in {sqlite3.DatabaseError, sqlite3.OperationalError}:  # what only reading has found
            assert isinstance(error, sqlite3.Error)
            raise self._as_ours(error) from error

    def _as_ours(self, error: Exception) -> StoreError:
        """What SQLite says, with the file that it says it of, and what can be done."""
        if isinstance(error, sqlite3.OperationalError | OSError):
            return StoreError(f"{self._path}: {error}. Nothing that was recorded is lost.")
        return StoreError(
            f"{self._path} is damaged: {error}. It is left as it is: bring back a copy of it, with its -wal if there"
            f" is one, try what `sqlite3 {self._path} .recover` finds in it, or choose another home with ALGODOCK_HOME."
        )

    def _bring_up_to_date(self) -> None:
        try:  # without a lock: who only looks must not wait for a controller that stands still while it writes
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
        except sqlite3.DatabaseError as error:
            raise self._as_ours(error) from error
        if version == SCHEMA_VERSION:
            return
        with self._transaction() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > SCHEMA_VERSION:
                raise StoreError(
                    f"{self._path} was written by a newer Algodock (schema {version}, this one knows {SCHEMA_VERSION})."
                    " Update Algodock, or choose another home with ALGODOCK_HOME."
                )
            scripts = (
                ["schema.sql"]
                if version == 0
                else [f"migration_{n}.sql" for n in range(version + 1, SCHEMA_VERSION + 1)]
            )
            for script in scripts:
                for statement in _statements((_HERE / script).read_text(encoding="utf-8")):
                    db.execute(statement)
            if version > 0:
                self._complete_migration(version)
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _complete_migration(self, version: int) -> None:
        """Do what SQL cannot in bringing a file up from `version`, within the same transaction."""

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make changes one transaction: all of them are remembered, or none, and the disk is waited for once."""
        with self._transaction():
            yield

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self._db.in_transaction:  # its beginner ends it
            yield self._db
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.OperationalError):  # a full disk has rolled it back already
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.IntegrityError:
            raise  # what it means is for the caller to say
        except sqlite3.DatabaseError as error:
            raise self._as_ours(error) from error


def _target(path: Path | str) -> tuple[str, bool]:
    """What SQLite is told to open, and whether it can write there.

    A file in a read-only place can be read. Without a write-ahead log beside it, SQLite has to be told that nobody
    changes it: it would make the files that readers and writers share.
    """
    if path == ":memory:":
        return ":memory:", True
    address = Path(path).absolute().as_uri()
    if not Path(path).exists() or os.access(path, os.W_OK):
        return address, True
    has_log = Path(f"{path}-wal").exists()
    return f"{address}?mode=ro{'' if has_log else '&immutable=1'}", False


def _statements(script: str) -> Iterator[str]:
    """The statements of an SQL script, so that they run within one transaction (executescript would commit)."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
