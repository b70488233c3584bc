from __future__ import annotations

import base64
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rt_gait.errors import GalleryError, OutputError
from rt_gait.identity.gallery import Gallery
from rt_gait.identity.records import TemplateKey
from rt_gait.types import FloatArray

Maker = Callable[..., FloatArray]


@pytest.fixture
def exported(gallery: Gallery, key: TemplateKey, some_vectors: Maker, tmp_path: Path) -> Path:
    for seed, name in enumerate(["Alice", "Bob"]):
        gallery.enrol(name=name, vectors=some_vectors(3, seed=seed), key=key, source="a.mp4")
    gallery.export(tmp_path / "export.json")
    return tmp_path / "export.json"


def test_a_new_gallery_made_from_an_export_is_the_same_to_the_bit(
    gallery: Gallery, key: TemplateKey, exported: Path, tmp_path: Path
) -> None:
    with Gallery.create_or_open(tmp_path / "other.db") as other:
        assert other.import_(exported) == 6
        assert other.subjects() == gallery.subjects()
        assert other.revision == 1
        np.testing.assert_array_equal(other.templates(key).vectors, gallery.templates(key).vectors)
        other.export(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == exported.read_bytes()


def test_export_is_readable_data_for_the_owner_only(exported: Path) -> None:
    data = json.loads(exported.read_text(encoding="utf-8"))
    assert (data["format"], data["version"], data["dimension"]) == ("rt-gait gallery", 1, 16)
    assert stat.S_IMODE(exported.stat().st_mode) == 0o600
    assert [path for path in exported.parent.iterdir() if path.name.startswith(".")] == []


def test_export_never_replaces_a_file(gallery: Gallery, exported: Path) -> None:
    for path in (exported, gallery.path):
        before = path.read_bytes()
        with pytest.raises(OutputError, match="would replace"):
            gallery.export(path)
        assert path.read_bytes() == before
    with pytest.raises(OutputError, match="No such file"):
        gallery.export(exported.parent / "missing" / "export.json")


def test_importing_what_is_here_already_changes_nothing(gallery: Gallery, exported: Path) -> None:
    revision = gallery.revision
    assert gallery.import_(exported) == 0
    assert gallery.revision == revision


def test_import_adds_missing_templates_and_keeps_the_local_name(
    gallery: Gallery, key: TemplateKey, exported: Path, some_vectors: Maker, tmp_path: Path
) -> None:
    with Gallery.create_or_open(tmp_path / "other.db") as other:
        other.import_(exported)
        other.enrol(name="Alice", vectors=some_vectors(2, seed=9), key=key)
        other.enrol(name="Cleo", vectors=some_vectors(1, seed=8), key=key)
        other.export(tmp_path / "grown.json")
    gallery.rename("Alice", "Anna")
    assert gallery.import_(tmp_path / "grown.json") == 3
    assert [(s.name, s.templates) for s in gallery.subjects()] == [
        ("Anna", 5),
        ("Bob", 3),
        ("Cleo", 1),
    ]


def test_a_name_of_somebody_else_is_refused_whole(
    key: TemplateKey, exported: Path, some_vectors: Maker, tmp_path: Path
) -> None:
    with Gallery.create_or_open(tmp_path / "other.db") as other:
        other.enrol(name="Bob", vectors=some_vectors(1, seed=5), key=key)
        with pytest.raises(GalleryError, match="'Bob' is somebody else here; rename"):
            other.import_(exported)
        assert [s.name for s in other.subjects()] == ["Bob"]
        assert other.revision == 1


def test_an_empty_gallery_can_be_exported_and_imported(gallery: Gallery, tmp_path: Path) -> None:
    gallery.export(tmp_path / "export.json")
    assert gallery.import_(tmp_path / "export.json") == 0


def test_an_export_of_other_models_is_refused(
    exported: Path, some_vectors: Maker, tmp_path: Path
) -> None:
    with Gallery.create_or_open(tmp_path / "other.db") as other:
        other.enrol(name="Cleo", vectors=some_vectors(1), key=TemplateKey("cnn@0", "seg@0"))
        with pytest.raises(GalleryError, match="made with model cnn@0"):
            other.import_(exported)
        assert len(other.subjects()) == 1


def _set(*path: Any, to: object) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        for step in path[:-1]:
            data = data[step]
        data[path[-1]] = to

    return change


def _vector(*numbers: float) -> str:
    return base64.b64encode(np.array(numbers, "<f4").tobytes()).decode()


def _same_name(data: Any) -> None:
    data["subjects"][1]["name"] = data["subjects"][0]["name"]


def _twice(data: Any) -> None:
    data["subjects"].append(data["subjects"][0])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_set("format", to="other"), id="format"),
        pytest.param(_set("version", to=2), id="newer"),
        pytest.param(_set("version", to="1"), id="version-type"),
        pytest.param(_set("dimension", to=15), id="dimension"),
        pytest.param(_set("dimension", to=-1), id="dimension-negative"),
        pytest.param(_set("model", to=""), id="no-model"),
        pytest.param(_set("model", to=5), id="model-type"),
        pytest.param(_set("subjects", to={}), id="subjects-type"),
        pytest.param(_set("subjects", 1, to="x"), id="subject-type"),
        pytest.param(_set("subjects", 1, "subject_id", to="../x"), id="subject-id"),
        pytest.param(_set("subjects", 1, "name", to="a\nb"), id="name"),
        pytest.param(_set("subjects", 1, "name", to="\ud800"), id="name-surrogate"),
        pytest.param(_same_name, id="name-twice"),
        pytest.param(_set("subjects", 1, "created_at", to="yesterday"), id="time"),
        pytest.param(_set("subjects", 1, "templates", to=[]), id="no-templates"),
        pytest.param(_set("subjects", 1, "templates", 0, "template_id", to="t_1"), id="template"),
        pytest.param(_set("subjects", 1, "templates", 0, "vector", to="!"), id="base64"),
        pytest.param(_set("subjects", 1, "templates", 0, "vector", to="AAA="), id="not-floats"),
        pytest.param(_set("subjects", 1, "templates", 0, "vector", to=_vector(1)), id="short"),
        pytest.param(
            _set("subjects", 1, "templates", 0, "vector", to=_vector(*[np.nan] * 16)), id="nan"
        ),
        pytest.param(
            _set("subjects", 1, "templates", 0, "vector", to=_vector(*[0] * 16)), id="zero"
        ),
        pytest.param(_twice, id="subject-twice"),
    ],
)
def test_a_tampered_export_is_refused_whole_in_one_line(
    exported: Path, tmp_path: Path, change: Callable[[Any], None]
) -> None:
    data = json.loads(exported.read_text(encoding="utf-8"))
    change(data)
    exported.write_text(json.dumps(data), encoding="utf-8")
    with Gallery.create_or_open(tmp_path / "other.db") as other:
        with pytest.raises(GalleryError) as caught:
            other.import_(exported)
        assert str(caught.value).isprintable()
        assert "nothing was imported" in str(caught.value)
        assert (other.subjects(), other.revision) == ([], 0)


def test_a_template_of_somebody_else_is_refused_whole(gallery: Gallery, exported: Path) -> None:
    data = json.loads(exported.read_text(encoding="utf-8"))
    ids = [subject["templates"][0]["template_id"] for subject in data["subjects"]]
    for subject, template_id in zip(data["subjects"], reversed(ids), strict=True):
        subject["templates"][0]["template_id"] = template_id
    exported.write_text(json.dumps(data), encoding="utf-8")
    before = gallery.subjects()
    with pytest.raises(GalleryError, match="belongs to somebody else here"):
        gallery.import_(exported)
    assert gallery.subjects() == before


@pytest.mark.parametrize(
    "content",
    [b"", b"\x80\x04K\x01.", b"[]", b"[" * 200_000, b"\xff\xfe", b'{"format": "rt-gait gallery"}'],
    ids=["empty", "pickle", "list", "deep", "not-utf8", "bare"],
)
def test_what_is_no_export_is_refused(gallery: Gallery, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(content)
    with pytest.raises(GalleryError, match="no export"):
        gallery.import_(path)


def test_missing_and_oversized_exports_are_refused(
    gallery: Gallery, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (exported.parent / "missing.json", exported.parent):
        with pytest.raises(GalleryError, match="there is no export"):
            gallery.import_(path)
    monkeypatch.setattr("rt_gait.identity.exchange.FILE_BYTES_MAX", 100)
    with pytest.raises(GalleryError, match="at most 100 bytes"):
        gallery.import_(exported)
