"""A gallery that is broken, foreign, locked or cut off: one clear line, and not a byte changed."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from rt_gait.errors import GalleryError, OutputError, RtGaitError
from rt_gait.identity.gallery import Gallery
from rt_gait.identity.records import TemplateKey

KEY = TemplateKey("gei@1a2b3c4d", "person_seg@9f8e7d6c")
OPENERS = [
    pytest.param(Gallery.open, id="open"),
    pytest.param(Gallery.create_or_open, id="create-or-open"),
    pytest.param(lambda path: Gallery.open(path, read_only=True), id="read-only"),
]
Opener = Callable[[Path], Gallery]


def vectors(count: int = 3) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((count, 64))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a sound gallery of 40 people, closed."""
    made = tmp_path / "gallery.db"
    with Gallery.create_or_open(made) as gallery:
        for number in range(40):
            gallery.enrol(name=f"person {number}", vectors=vectors(), key=KEY)
    return made


def refusal(attempt: Callable[[], object], kind: type[RtGaitError] = GalleryError) -> str:
    """Return the message of the error, which must be one line."""
    with pytest.raises(RtGaitError) as caught:
        attempt()
    assert type(caught.value) is kind
    message = str(caught.value)
    assert message.isprintable()
    return message


def run_sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement).fetchall()


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"hello\n" * 1000, "no gallery", id="text"),
        pytest.param(b"SQLite", "no gallery", id="short"),
        pytest.param(b"SQLite format 3\0", "damaged", id="header-only"),
        pytest.param(b"SQLite format 3\0" + b"\xff" * 8176, "damaged", id="noise"),
        pytest.param(b"\x80\x04\x95" + b"\0" * 100, "no gallery", id="pickle"),
    ],
)
def test_foreign_bytes_are_refused_and_kept(
    tmp_path: Path, opener: Opener, content: bytes, words: str
) -> None:
    path = tmp_path / "gallery.db"
    path.write_bytes(content)
    assert words in refusal(lambda: opener(path))
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("where", ["cut", "page", "root"])
def test_damaged_gallery_is_refused_and_kept(path: Path, opener: Opener, where: str) -> None:
    content = bytearray(path.read_bytes())
    if where == "cut":
        del content[len(content) // 2 :]
    else:
        start = 4096 * (5 if where == "page" else 1)
        content[start : start + 4096] = os.urandom(4096)
    path.write_bytes(content)
    assert "damaged" in refusal(lambda: opener(path))
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("seed", range(20))
def test_flipped_bytes_never_raise_anything_else(path: Path, seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    content = bytearray(path.read_bytes())
    for position in rng.integers(0, len(content), 20):
        content[position] ^= int(rng.integers(1, 256))
    path.write_bytes(content)
    try:
        with Gallery.open(path, read_only=True) as gallery:
            gallery.subjects()
            gallery.templates(KEY)
            gallery.export(tmp_path / "export.json")
    except GalleryError as error:
        assert str(error).isprintable()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE templates SET vector = zeroblob(256) WHERE rowid = 5",
        "UPDATE templates SET vector = zeroblob(8) WHERE rowid = 5",
        "UPDATE templates SET model_key = ''",
        "DROP TABLE templates",
        "DELETE FROM state",
    ],
)
def test_contents_that_make_no_sense_are_refused(path: Path, statement: str) -> None:
    run_sql(path, statement)

    def use() -> None:
        with Gallery.open(path) as gallery:
            assert gallery.revision >= 0
            gallery.templates(KEY)

    refusal(use)


@pytest.mark.parametrize("opener", OPENERS)
def test_other_sqlite_files_and_newer_schemas_are_refused_and_kept(
    path: Path, opener: Opener
) -> None:
    other = path.parent / "other.db"
    run_sql(other, "CREATE TABLE music (title TEXT)")
    run_sql(path, "PRAGMA user_version = 3")
    for file, words in ((other, "no gallery of rt-gait"), (path, "schema 3, this rt-gait knows 2")):
        before = file.read_bytes()
        assert words in refusal(lambda file=file: opener(file))
        assert file.read_bytes() == before
    assert sorted(path.parent.iterdir()) == [path, other]


@pytest.mark.parametrize("read_only", [False, True])
def test_a_gallery_that_must_exist_is_not_made(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "gallery.db"
    assert "enrol somebody first" in refusal(lambda: Gallery.open(path, read_only=read_only))
    assert list(tmp_path.iterdir()) == []
    path.touch()
    assert "enrol somebody first" in refusal(lambda: Gallery.open(path, read_only=read_only))
    assert path.stat().st_size == 0
    with Gallery.create_or_open(path) as gallery:
        assert gallery.subjects() == []


@pytest.mark.parametrize("opener", OPENERS)
def test_what_is_no_file_is_refused(tmp_path: Path, opener: Opener) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert "a folder" in refusal(lambda: opener(tmp_path))
    assert "no regular file" in refusal(lambda: opener(tmp_path / "pipe"))
    assert "no gallery yet" in refusal(lambda: opener(tmp_path / "dangling"))
    assert "cannot be the path" in refusal(lambda: opener(tmp_path / "a\0b"))
    assert not (tmp_path / "nowhere").exists()


def test_missing_folder_is_not_made(tmp_path: Path) -> None:
    message = refusal(lambda: Gallery.create_or_open(tmp_path / "a\nb" / "g.db"), OutputError)
    assert "No such file or directory" in message
    assert list(tmp_path.iterdir()) == []


def test_change_of_a_read_only_gallery_is_an_output_error(path: Path) -> None:
    before = path.read_bytes()
    with Gallery.open(path, read_only=True) as gallery:
        message = refusal(
            lambda: gallery.enrol(name="Bob", vectors=vectors(), key=KEY), OutputError
        )
        assert "cannot be written" in message
        refusal(lambda: gallery.remove("person 1"), OutputError)
        assert len(gallery.subjects()) == 40
    assert path.read_bytes() == before


@pytest.fixture
def read_only_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Take away the right to write; root keeps it, so the question is answered for it."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    path.chmod(0o400)
    path.parent.chmod(0o500)
    yield path
    path.parent.chmod(0o700)


def test_read_only_media_can_be_read(read_only_folder: Path) -> None:
    with Gallery.open(read_only_folder, read_only=True) as gallery:
        assert len(gallery.templates(KEY)) == 40
        assert list(read_only_folder.parent.iterdir()) == [read_only_folder]


def test_full_disk_is_an_output_error_and_changes_nothing(path: Path) -> None:
    with Gallery.open(path) as gallery:
        gallery._database.execute("PRAGMA max_page_count = 1")  # at most what there is already
        before = gallery.subjects()
        message = refusal(
            lambda: gallery.enrol(name="Bob", vectors=vectors(2000), key=KEY), OutputError
        )
        assert "full" in message
        assert gallery.subjects() == before
        assert gallery.revision == 40


def test_locked_gallery_is_refused_after_a_wait(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rt_gait.identity.gallery_file.BUSY_SECS", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with Gallery.open(path) as gallery:
            message = refusal(lambda: gallery.enrol(name="Bob", vectors=vectors(), key=KEY))
            assert "busy; try again" in message
            assert len(gallery.templates(KEY)) == 40  # reading goes on beside a writer
        other.execute("ROLLBACK")


def test_many_makers_at_once_make_one_gallery(tmp_path: Path) -> None:
    path, errors = tmp_path / "gallery.db", []
    start = threading.Barrier(6)

    def enrol(number: int) -> None:
        start.wait()
        try:
            with Gallery.create_or_open(path) as gallery:
                gallery.enrol(name=f"person {number}", vectors=vectors(), key=KEY)
        except RtGaitError as error:
            errors.append(error)

    threads = [threading.Thread(target=enrol, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with Gallery.open(path) as gallery:
        assert (len(gallery.subjects()), gallery.revision) == (6, 6)


@pytest.mark.parametrize("step", ["empty", "journal"])
def test_killed_while_being_made_it_can_be_made_again(tmp_path: Path, step: str) -> None:
    path = tmp_path / "gallery.db"
    path.touch()
    if step == "journal":
        program = (
            "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
            "c.execute('PRAGMA cache_size = 1'); c.execute('PRAGMA cache_spill = 1');"
            "c.execute('BEGIN'); c.execute('CREATE TABLE t (x)');"
            "c.executemany('INSERT INTO t VALUES (zeroblob(3000))', [()] * 100);"
            "os.kill(os.getpid(), 9)"
        )
        subprocess.run([sys.executable, "-c", program, str(path)], check=False)
        assert path.stat().st_size > 0
        assert (tmp_path / "gallery.db-journal").stat().st_size > 0
    with Gallery.create_or_open(path) as gallery:
        gallery.enrol(name="Alice", vectors=vectors(), key=KEY)
        assert len(gallery.subjects()) == 1
