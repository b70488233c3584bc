from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rt_gait.errors import GalleryError
from rt_gait.identity.gallery import Gallery
from rt_gait.identity.records import TemplateKey, check_name

KEY = TemplateKey("gei@1a2b3c4d", "person_seg@9f8e7d6c")
HOSTILE = [
    "../../etc/passwd",
    "Robert'); DROP TABLE subjects;--",
    "..",
    "/",
    "%s%n",
    "Ωmega 李小龍 🚶",
    "--name",
]


@pytest.mark.parametrize(
    "name",
    ["", "   ", "\u3000", "a\nb", "a\0b", "\x1b[2J", "a\u202eb", "\ud800", "x" * 65, "x" * 10_240],
    ids=ascii,
)
def test_refused_names(name: str) -> None:
    with pytest.raises(GalleryError) as caught:
        check_name(name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


@given(st.text(max_size=80))
def test_a_name_is_refused_or_fits_on_a_line(name: str) -> None:
    try:
        stored = check_name(name)
    except GalleryError:
        return
    assert 1 <= len(stored) <= 64
    assert stored.isprintable()
    assert stored == stored.strip()
    assert check_name(stored) == stored


@settings(deadline=None, max_examples=25)
@given(st.lists(st.text(min_size=1, max_size=64) | st.sampled_from(HOSTILE), max_size=8))
def test_any_name_that_is_taken_comes_back(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("names")
    expected = {}
    with Gallery.create_or_open(folder / "gallery.db") as gallery:
        for name in names:
            try:
                subject_id = gallery.enrol(name=name, vectors=np.ones((1, 4)), key=KEY)
            except GalleryError:
                with pytest.raises(GalleryError):
                    check_name(name)
                continue
            expected[subject_id] = check_name(name)
        assert gallery.names() == expected
        assert len(expected) == len(set(expected.values()))
        for name in expected.values():
            gallery.remove(name)
        assert gallery.names() == {}
    assert [path.name for path in folder.iterdir()] == ["gallery.db"]


def test_sql_in_a_name_is_text(gallery: Gallery, gallery_path: Path) -> None:
    for name in HOSTILE:
        gallery.enrol(name=name, vectors=np.ones((1, 4)), key=KEY, source=name)
    gallery.close()
    connection = sqlite3.connect(gallery_path)
    try:
        assert connection.execute("SELECT count(*) FROM subjects").fetchone() == (len(HOSTILE),)
    finally:
        connection.close()
