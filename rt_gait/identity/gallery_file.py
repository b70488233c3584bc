"""The SQLite file below a gallery: opened only when sound, and without traces of what was removed.

A file is looked at through a read-only connection before it is opened for good, because SQLite
repairs, replays and creates as it opens: what is damaged or somebody else's must stay as it is.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing, suppress
from pathlib import Path

from rt_gait.errors import GalleryError
from rt_gait.identity.gallery_errors import damaged, shown, told_plainly

APPLICATION_ID = 0x72744761
"""``rtGa``: tells a gallery from any other SQLite file."""
SCHEMA_VERSION = 1
"""Of a gallery without what follows."""
KEEPING_VERSION = 2
"""With expiry dates or encrypted templates, which older programs must not pass over."""
SQLITE_START = b"SQLite format 3\0"
BUSY_SECS = 5.0
"""Wait for another program that is writing: an enrolment writes for milliseconds."""
SCHEMA = (
    """CREATE TABLE state (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        revision INTEGER NOT NULL CHECK (typeof(revision) = 'integer'),
        unscrubbed INTEGER NOT NULL CHECK (unscrubbed IN (0, 1)))""",
    """CREATE TABLE subjects (
        subject_id TEXT NOT NULL PRIMARY KEY CHECK (typeof(subject_id) = 'text'),
        name TEXT NOT NULL UNIQUE CHECK (typeof(name) = 'text'),
        created_at TEXT NOT NULL)""",
    """CREATE TABLE templates (
        template_id TEXT NOT NULL PRIMARY KEY CHECK (typeof(template_id) = 'text'),
        subject_id TEXT NOT NULL REFERENCES subjects (subject_id) ON DELETE CASCADE,
        model_key TEXT NOT NULL,
        segmenter_key TEXT NOT NULL,
        vector BLOB NOT NULL CHECK (typeof(vector) = 'blob' AND length(vector) % 4 = 0),
        source TEXT NOT NULL,
        created_at TEXT NOT NULL)""",
    "CREATE INDEX templates_subject ON templates (subject_id)",
    "INSERT INTO state VALUES (1, 0, 0)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)


def connect(path: Path, *, read_only: bool = False, create: bool = False) -> sqlite3.Connection:
    """Return a connection to a sound gallery at ``path``.

    Args:
        path: the file.
        read_only: change nothing; works on read-only media too.
        create: make the gallery, with rights for the owner only, where there is none.

    Raises:
        GalleryError: missing, not a gallery, damaged, in use, or from a newer schema.
        OutputError: the file cannot be made or opened for writing.
    """
    if "\0" in str(path):
        raise GalleryError(f"this cannot be the path of a file: {shown(path)}")
    if create and not os.path.lexists(path):
        with told_plainly(path, writing=True), suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with told_plainly(path):
        complete = _look(path, create=create)
    with told_plainly(path, writing=not read_only):
        connection = _open(path, read_only=read_only)
        try:
            if not read_only:
                _prepare(connection, path, complete=complete, create=create)
            return connection
        except BaseException:
            connection.close()
            raise


def scrub(connection: sqlite3.Connection, path: Path) -> None:
    """Rewrite the file so that nothing deleted is left in it or in its log.

    ``secure_delete`` zeroes rows as they go, but not the older frames of the log; and a whole new
    file (measured: 0.1 s with 10,000 templates) spares us trusting it in every page ever split.

    Raises:
        GalleryError: not now, because another program is reading or the disk is full.
    """
    try:
        connection.execute("VACUUM")
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        reason = "another program is reading it" if busy else ""
    except sqlite3.OperationalError as error:
        reason = str(error)
    if reason:
        raise GalleryError(
            f"changed, but the old content could not be wiped from the gallery yet ({reason}); "
            f"that is done when it is next opened for writing: {shown(path)}"
        )
    with told_plainly(path, writing=True):
        connection.execute("UPDATE state SET unscrubbed = 0")


def _look(path: Path, *, create: bool) -> bool:
    """Return whether the file is a complete gallery, without changing a byte; raise if not ours."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise GalleryError(
            f"there is no gallery yet; enrol somebody first, or check the path: {shown(path)}"
        ) from None
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise GalleryError(f"a gallery is one file, this is {kind}: {shown(path)}")
    with path.open("rb") as file:
        start = file.read(16)
    if _size(path, "-journal") > 0 and start in (b"", bytes(16), SQLITE_START):
        return False  # its making was cut off: opening rolls that back, and a check follows
    if start and start != SQLITE_START:
        raise GalleryError(
            f"this is no gallery (not an SQLite file); check the path: {shown(path)}"
        )
    complete = bool(start) and _examine(path)
    if not (complete or create):
        raise GalleryError(f"the gallery is empty; enrol somebody first: {shown(path)}")
    return complete


def _examine(path: Path) -> bool:
    """Return whether the file has a schema, which must be ours and sound."""
    logged = _size(path, "-wal") >= 0
    try:
        connection = _open(path, read_only=True, immutable=not logged)
        with closing(connection):
            if _is_blank(connection):
                return False
            _check(connection, path)
            return True
    except (sqlite3.Error, UnicodeDecodeError, GalleryError):
        if logged or _size(path, "-wal") < 0:
            raise
        return _examine(path)  # a writer came while the file was read as one that does not change


def _prepare(connection: sqlite3.Connection, path: Path, *, complete: bool, create: bool) -> None:
    """Set the connection up for writing, and make the schema in one transaction."""
    for pragma in ("secure_delete = ON", "synchronous = FULL", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    if create and not complete:
        connection.execute("BEGIN IMMEDIATE")
        if _is_blank(connection):  # else another program made it while this one waited
            for statement in SCHEMA:
                connection.execute(statement)
        connection.execute("COMMIT")
    if not complete:
        _check(connection, path)
    if _pragma(connection, "journal_mode") != "wal":
        # Locked: somebody else is in it. A rollback journal is as safe until the next opening.
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
    if connection.execute("SELECT unscrubbed FROM state").fetchone()[0]:
        with suppress(GalleryError):
            scrub(connection, path)


def _is_blank(connection: sqlite3.Connection) -> bool:
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return not (tables or _pragma(connection, "application_id"))


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise GalleryError unless this is a sound gallery of the schema known here."""
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise GalleryError(
            f"this SQLite file is no gallery of rt-gait; check the path: {shown(path)}"
        )
    version = _pragma(connection, "user_version")
    if version not in (SCHEMA_VERSION, KEEPING_VERSION):
        raise GalleryError(
            f"the gallery has schema {version}, this rt-gait knows {KEEPING_VERSION}; update "
            f"rt-gait: {shown(path)}"
        )
    verdict = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    if verdict != "ok":
        raise damaged(path, " ".join(verdict.replace("*", "").split()))
    if connection.execute("PRAGMA foreign_key_check").fetchone():
        raise damaged(path, "a template of nobody")
    if connection.execute("SELECT count(*) FROM state").fetchone()[0] != 1:
        raise damaged(path, "its revision is missing")


def _open(path: Path, *, read_only: bool, immutable: bool = False) -> sqlite3.Connection:
    # Reading beside a log needs shared memory, for which a read-only folder has no room.
    fixed = read_only and not os.access(path.absolute().parent, os.W_OK)
    # A reader that may not write leaves the log and the shared memory lying about when it closes.
    may_tidy = not (fixed or immutable) and os.access(path, os.W_OK)
    query = "mode=rw" if may_tidy or not read_only else "mode=ro"
    if immutable or (fixed and _size(path, "-wal") <= 0):
        query += "&immutable=1"
    uri = f"{path.absolute().as_uri()}?{query}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECS, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def _pragma(connection: sqlite3.Connection, name: str) -> int | str:
    value: int | str = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _size(path: Path, suffix: str) -> int:
    """Return the size of a file beside the gallery, -1 where there is none."""
    try:
        return Path(f"{path}{suffix}").stat().st_size
    except FileNotFoundError:
        return -1
