from __future__ import annotations

import re
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rt_gait.errors import GalleryError
from rt_gait.identity.gallery import Gallery
from rt_gait.identity.records import TemplateKey
from rt_gait.types import FloatArray

Maker = Callable[..., FloatArray]


def bytes_on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())


def test_enrolled_people_are_listed_by_name(
    gallery: Gallery, key: TemplateKey, some_vectors: Maker
) -> None:
    bob = gallery.enrol(name="Bob", vectors=some_vectors(2), key=key, source="bob.mp4")
    alice = gallery.enrol(name=" Alice ", vectors=some_vectors(3, seed=1), key=key, source="")
    assert re.fullmatch("s_[0-9A-HJKMNP-TV-Z]{8}", alice)
    assert [(s.subject_id, s.name, s.templates) for s in gallery.subjects()] == [
        (alice, "Alice", 3),
        (bob, "Bob", 2),
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", gallery.subjects()[0].created_at)
    assert gallery.names() == {alice: "Alice", bob: "Bob"}


def test_enrolling_a_name_again_adds_templates(
    gallery: Gallery, key: TemplateKey, some_vectors: Maker
) -> None:
    first = gallery.enrol(name="Zo\u00eb", vectors=some_vectors(1), key=key)
    second = gallery.enrol(name="Zoe\u0308", vectors=some_vectors(2, seed=1), key=key)
    assert first == second
    assert [(s.name, s.templates) for s in gallery.subjects()] == [("Zo\u00eb", 3)]


def test_templates_come_back_with_unit_norm_and_their_owners(
    gallery: Gallery, key: TemplateKey, some_vectors: Maker
) -> None:
    given = {}
    for seed, name in enumerate(["Alice", "Bob", "Cleo"]):
        vectors = some_vectors(seed + 1, seed=seed) * 7
        given[gallery.enrol(name=name, vectors=vectors, key=key)] = vectors
    templates = gallery.templates(key)
    assert templates.subject_ids == tuple(sorted(given))
    assert templates.vectors.dtype == np.float32
    for index, subject_id in enumerate(templates.subject_ids):
        held = templates.vectors[templates.owners == index]
        wanted = given[subject_id] / np.linalg.norm(given[subject_id], axis=1, keepdims=True)
        assert sorted(map(tuple, held.round(5))) == sorted(map(tuple, wanted.round(5)))


def test_gallery_survives_closing(
    gallery_path: Path, key: TemplateKey, some_vectors: Maker
) -> None:
    with Gallery.create_or_open(gallery_path) as gallery:
        alice = gallery.enrol(name="Alice", vectors=some_vectors(2), key=key)
        before = gallery.templates(key).vectors
    assert [path.name for path in gallery_path.parent.iterdir()] == [gallery_path.name]
    with Gallery.open(gallery_path) as gallery:
        assert gallery.names() == {alice: "Alice"}
        assert gallery.key == key
        np.testing.assert_array_equal(gallery.templates(key).vectors, before)


def test_file_is_for_the_owner_only(
    gallery: Gallery, key: TemplateKey, some_vectors: Maker
) -> None:
    gallery.enrol(name="Alice", vectors=some_vectors(1), key=key)
    files = list(gallery.path.parent.iterdir())
    assert len(files) == 3  # with log and shared memory
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_empty_gallery_has_no_templates_and_takes_any_key(
    gallery: Gallery, key: TemplateKey, some_vectors: Maker
) -> None:
    other = TemplateKey("cnn@00000000", key.segmenter)
    assert gallery.key is None
    assert len(gallery.templates(key)) == len(gallery.templates(other)) == 0
    gallery.enrol(name="Alice", vectors=some_vectors(1), key=key)
    gallery.remove("Alice")
    gallery.enrol(name="Bob", vectors=some_vectors(1, size=8), key=other)
    assert gallery.key == other


@pytest.mark.parametrize(
    "other",
    [
        TemplateKey("cnn@00000000", "person_seg@9f8e7d6c"),
        TemplateKey("gei@ffffffff", "person_seg@9f8e7d6c"),
        TemplateKey("gei@1a2b3c4d", "person_seg@00000000"),
    ],
    ids=["model", "model-version", "segmenter"],
)
def test_templates_of_other_models_are_refused_with_advice(
    gallery: Gallery, key: TemplateKey, some_vectors: Maker, other: TemplateKey
) -> None:
    gallery.enrol(name="Alice", vectors=some_vectors(1), key=key)
    for attempt in (
        lambda: gallery.enrol(name="Bob", vectors=some_vectors(1), key=other),
        lambda: gallery.templates(other),
    ):
        with pytest.raises(GalleryError) as caught:
            attempt()
        message = str(caught.value)
        for part in (key.model, key.segmenter, other.model, other.segmenter):
            assert part in message
        assert "again into another gallery file" in message
        assert ("pass --model gei" in message) is (other.model == "cnn@00000000")
        assert ("gei has changed since" in message) is (other.model == "gei@ffffffff")
    assert len(gallery.subjects()) == 1


@pytest.mark.parametrize(
    "vectors",
    [
        np.zeros((1, 16), np.float32),
        np.full((1, 16), np.nan, np.float32),
        np.full((1, 16), np.inf, np.float32),
        np.full((1, 16), 1e300),
        np.ones((1, 15), np.float32),
        np.ones((0, 16), np.float32),
        np.ones((2, 0), np.float32),
        np.ones(16, np.float32),
        np.vstack([np.ones(16), np.zeros(16)]),
    ],
    ids=["zero", "nan", "inf", "too-large", "dimension", "none", "empty", "flat", "one-of-two"],
)
def test_unusable_vectors_are_refused_whole(
    gallery: Gallery, key: TemplateKey, some_vectors: Maker, vectors: np.ndarray
) -> None:
    gallery.enrol(name="Alice", vectors=some_vectors(1), key=key)
    with pytest.raises(GalleryError):
        gallery.enrol(name="Bob", vectors=vectors, key=key)
    assert [(s.name, s.templates) for s in gallery.subjects()] == [("Alice", 1)]
    assert gallery.revision == 1


def test_revision_counts_changes(gallery: Gallery, key: TemplateKey, some_vectors: Maker) -> None:
    assert gallery.revision == 0
    gallery.enrol(name="Alice", vectors=some_vectors(5), key=key)
    assert gallery.revision == 1
    gallery.rename("Alice", "Anna")
    gallery.rename("Anna", "Anna")
    assert gallery.revision == 2
    gallery.remove("Anna")
    assert gallery.revision == 3
    for attempt in (lambda: gallery.remove("Anna"), lambda: gallery.rename("Anna", "Bob")):
        with pytest.raises(GalleryError, match="nobody is enrolled as 'Anna'"):
            attempt()
    assert gallery.revision == 3


def test_a_second_opening_sees_the_change(
    gallery: Gallery, key: TemplateKey, some_vectors: Maker
) -> None:
    with Gallery.open(gallery.path, read_only=True) as reader:
        gallery.enrol(name="Alice", vectors=some_vectors(1), key=key)
        assert reader.revision == 1
        assert len(reader.templates(key)) == 1


def test_rename_keeps_id_and_refuses_a_taken_name(
    gallery: Gallery, key: TemplateKey, some_vectors: Maker
) -> None:
    alice = gallery.enrol(name="Alice", vectors=some_vectors(1), key=key)
    gallery.enrol(name="Bob", vectors=some_vectors(1, seed=1), key=key)
    with pytest.raises(GalleryError, match="'Bob' is enrolled already"):
        gallery.rename("Alice", "Bob")
    gallery.rename("Alice", "Anna")
    assert gallery.names()[alice] == "Anna"


@pytest.mark.parametrize("people", [1, 300])
def test_nothing_of_a_removed_person_is_left_on_disk(
    gallery: Gallery, key: TemplateKey, some_vectors: Maker, people: int
) -> None:
    traces = [b"Quillon Xanthippe", b"secret-recording"]
    # Many people of uneven size, enrolled in turns, make SQLite move rows between pages.
    for turn in range(3):
        for number in range(people):
            secret = number == people // 2
            name = traces[0].decode() if secret else f"person {number} " + "x" * (number % 40)
            vectors = some_vectors(1 + number % 3, size=64, seed=1000 * turn + number)
            source = traces[1].decode() if secret else f"{number}.mp4"
            gallery.enrol(name=name, vectors=vectors, key=key, source=source)
    (secret_one,) = (
        subject
        for subject in gallery._store.contents().subjects
        if subject.name == "Quillon Xanthippe"
    )
    traces += [secret_one.subject_id.encode(), secret_one.templates[0].vector.tobytes()[:32]]
    assert all(trace in bytes_on_disk(gallery.path.parent) for trace in traces)
    gallery.remove("Quillon Xanthippe")
    left = bytes_on_disk(gallery.path.parent)  # while the gallery is still open
    assert [trace for trace in traces if trace in left] == []
    gallery.close()
    left = bytes_on_disk(gallery.path.parent)
    assert [trace for trace in traces if trace in left] == []
    with Gallery.open(gallery.path) as again:
        assert len(again.subjects()) == people - 1


def test_nothing_of_an_old_name_is_left_on_disk(
    gallery: Gallery, key: TemplateKey, some_vectors: Maker
) -> None:
    gallery.enrol(name="Quillon Xanthippe", vectors=some_vectors(1), key=key)
    gallery.rename("Quillon Xanthippe", "Q")
    assert b"Xanthippe" not in bytes_on_disk(gallery.path.parent)


def test_wiping_that_has_to_wait_is_said_and_done_later(
    gallery: Gallery, key: TemplateKey, some_vectors: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rt_gait.identity.gallery_file.BUSY_SECS", 0.05)
    gallery.enrol(name="Quillon Xanthippe", vectors=some_vectors(1), key=key)
    with (
        Gallery.open(gallery.path, read_only=True) as reader,
        Gallery.open(gallery.path) as writer,
    ):
        with reader._database.reading():
            assert reader.names()
            with pytest.raises(GalleryError, match="another program is reading it"):
                writer.remove("Quillon Xanthippe")
        assert writer.subjects() == []
    assert b"Xanthippe" in bytes_on_disk(gallery.path.parent)
    with Gallery.open(gallery.path):
        assert b"Xanthippe" not in bytes_on_disk(gallery.path.parent)


def test_read_only_leaves_the_file_as_it_is(
    gallery: Gallery, key: TemplateKey, some_vectors: Maker
) -> None:
    gallery.enrol(name="Alice", vectors=some_vectors(1), key=key)
    gallery.close()
    before = gallery.path.read_bytes()
    with Gallery.open(gallery.path, read_only=True) as reader:
        assert len(reader.templates(key)) == 1
    assert gallery.path.read_bytes() == before


def test_source_notes_are_made_safe(
    gallery: Gallery, key: TemplateKey, some_vectors: Maker, tmp_path: Path
) -> None:
    source = "a\x1b[31m\udc80\n" + "b" * 1000
    gallery.enrol(name="Alice", vectors=some_vectors(1), key=key, source=source)
    (subject,) = gallery._store.contents().subjects
    assert subject.templates[0].source == ("a?[31m??" + "b" * 1000)[:256]


@pytest.mark.parametrize("part", ["", "two\nlines"])
def test_key_needs_printable_parts(part: str) -> None:
    with pytest.raises(GalleryError):
        TemplateKey(part, "person_seg@9f8e7d6c")
