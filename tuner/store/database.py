"""The SQLite file of a home: its schema, brought up to date when it is opened, and transactions."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from tuner.errors import StoreError

SCHEMA_VERSION = 4
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
            self._db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")  # a recorded fact survives the power plug
            self._db.execute("PRAGMA foreign_keys = ON")
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{path} cannot be opened: {error}") from error
        self._bring_up_to_date()

    def close(self) -> None:
        """Close the file; the object is of no use afterwards."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _bring_up_to_date(self) -> None:
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
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.OperationalError):  # a full disk has rolled it back already
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            raise StoreError(f"{self._path}: {error}. Nothing that was recorded is lost.") from error


def _statements(script: str) -> Iterator[str]:
    """The statements of an SQL script, so that they run within one transaction (executescript would commit)."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
