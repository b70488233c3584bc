"""The open file of a gallery: queries, and changes that happen whole or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rt_gait.identity.gallery_errors import told_plainly
from rt_gait.identity.gallery_file import scrub


class Database:
    """A gallery's open connection, which knows nothing of what its rows mean."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def rows(self, query: str, *values: object) -> list[Any]:
        """Return all rows of a query."""
        with told_plainly(self.path):
            return self._connection.execute(query, values).fetchall()

    def has(self, table: str) -> bool:
        """Return whether the gallery has that table; some are made when first needed."""
        return bool(self.rows("SELECT 1 FROM sqlite_master WHERE name = ?", table))

    def execute(self, statement: str, *values: object) -> None:
        """Run a statement inside :meth:`change`."""
        self._connection.execute(statement, values)

    def execute_many(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Run a statement once a row inside :meth:`change`."""
        self._connection.executemany(statement, rows)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Make the queries in the block see one state of the gallery."""
        with told_plainly(self.path):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def change(self, *, wiping: bool = False) -> Iterator[None]:
        """Make the block one transaction that raises the revision if it changes anything.

        Args:
            wiping: the old content must not be left in the file. The debt is part of the
                transaction, so that the next opening pays it if this program dies first.
        """
        with told_plainly(self.path, writing=True):
            self._connection.execute("BEGIN IMMEDIATE")
            before = self._connection.total_changes
            try:
                yield
                changed = self._connection.total_changes > before
                if changed:
                    self._connection.execute(
                        "UPDATE state SET revision = revision + 1, unscrubbed = unscrubbed OR ?",
                        (wiping,),
                    )
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
        if wiping and changed:
            scrub(self._connection, self.path)
