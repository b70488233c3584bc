"""The export of a gallery: one JSON file, read as data from a stranger.

Layout, version 1::

    {"format": "rt-gait gallery", "version": 1, "model": ..., "segmenter": ..., "dimension": D,
     "subjects": [{"subject_id": "s_7Q2F9K3D", "name": "Alice", "created_at": ..., "templates":
         [{"template_id": "t_...", "vector": base64 of D float32 little-endian, "source": ...,
           "created_at": ...}], "consent": {"reference": ..., "expires": date or null}}]}

``consent`` is there where one was given. ``model``, ``segmenter`` are empty and ``dimension`` is 0
for a gallery without templates.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from rt_gait.errors import GalleryError, OutputError, UsageError
from rt_gait.identity.consent import Consent, new_consent
from rt_gait.identity.gallery_errors import shown
from rt_gait.identity.records import (
    SubjectRecord,
    TemplateKey,
    TemplateRecord,
    check_name,
    clean_source,
    is_subject_id,
    is_template_id,
    unit_vectors,
)

FORMAT = "rt-gait gallery"
VERSION = 1
FILE_BYTES_MAX = 512 * 1024 * 1024
"""A file above is refused before it is read; 100,000 templates of 256 numbers take 150 MB."""
DIMENSION_MAX = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """All that a gallery holds."""

    key: TemplateKey | None
    """None without templates."""
    subjects: tuple[SubjectRecord, ...]


def write_export(path: Path, contents: Contents) -> None:
    """Write the export, whole or not at all, for the owner's eyes only (mode 0600).

    Raises:
        OutputError: the file exists already, or cannot be written.
    """
    if os.path.lexists(path):
        raise OutputError(f"the export would replace a file; name a new one: {shown(path)}")
    try:
        handle, partial = tempfile.mkstemp(prefix=".export-", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(_to_json(contents), file, ensure_ascii=False, indent=1)
                file.flush()
                os.fsync(handle)
            Path(partial).replace(path)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(
            f"the export cannot be written ({error.strerror}); check the folder and the space "
            f"left: {shown(path)}"
        ) from error


def read_export(path: Path) -> Contents:
    """Read an export and check every field.

    Raises:
        GalleryError: missing, unreadable, too large, no export, damaged, or of a newer version.
    """
    if not path.is_file():
        raise GalleryError(f"there is no export, or it is no regular file: {shown(path)}")
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise GalleryError(
            f"the export cannot be read ({error.strerror}): {shown(path)}"
        ) from error
    if len(text) > FILE_BYTES_MAX:
        raise GalleryError(
            f"an export has at most {FILE_BYTES_MAX} bytes, this is larger: {shown(path)}"
        )
    try:
        return _from_json(json.loads(text))
    except GalleryError as error:
        raise GalleryError(f"{error}; nothing was imported: {shown(path)}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise GalleryError(
            f"this is no export of a gallery, or a damaged one; nothing was imported: {shown(path)}"
        ) from error


def _to_json(contents: Contents) -> dict[str, object]:
    vectors = [template.vector for subject in contents.subjects for template in subject.templates]
    return {
        "format": FORMAT,
        "version": VERSION,
        "model": contents.key.model if contents.key else "",
        "segmenter": contents.key.segmenter if contents.key else "",
        "dimension": len(vectors[0]) if vectors else 0,
        "subjects": [
            {
                "subject_id": subject.subject_id,
                "name": subject.name,
                "created_at": subject.created_at,
                **({} if subject.consent is None else {"consent": asdict(subject.consent)}),
                "templates": [
                    {
                        "template_id": template.template_id,
                        "vector": base64.b64encode(
                            template.vector.astype("<f4").tobytes()
                        ).decode(),
                        "source": template.source,
                        "created_at": template.created_at,
                    }
                    for template in subject.templates
                ],
            }
            for subject in contents.subjects
        ],
    }


def _from_json(data: dict[str, object]) -> Contents:
    if data["format"] != FORMAT:
        raise ValueError(data["format"])
    version = data["version"]
    if type(version) is not int:
        raise TypeError(version)
    if version != VERSION:
        raise GalleryError(
            f"the export has version {version}, this rt-gait knows {VERSION}; update rt-gait"
        )
    dimension = data["dimension"]
    if type(dimension) is not int or not 0 <= dimension <= DIMENSION_MAX:
        raise ValueError(dimension)
    rows = data["subjects"]
    if not isinstance(rows, list):
        raise TypeError(rows)
    subjects = tuple(_subject(row, dimension) for row in rows)
    template_ids = [one.template_id for subject in subjects for one in subject.templates]
    for ids in ([s.subject_id for s in subjects], [s.name for s in subjects], template_ids):
        if len(set(ids)) != len(ids):
            raise GalleryError("the export holds a subject, a name or a template twice")
    key = TemplateKey(_text(data["model"]), _text(data["segmenter"])) if template_ids else None
    return Contents(key, subjects)


def _subject(row: dict[str, object], dimension: int) -> SubjectRecord:
    templates = row["templates"]
    if not is_subject_id(_text(row["subject_id"])) or not isinstance(templates, list):
        raise ValueError(row["subject_id"])
    if not templates:
        raise GalleryError("the export holds a subject without templates")
    return SubjectRecord(
        subject_id=_text(row["subject_id"]),
        name=check_name(_text(row["name"])),
        created_at=_time(row["created_at"]),
        templates=tuple(_template(template, dimension) for template in templates),
        consent=_consent(row.get("consent")),
    )


def _consent(row: object) -> Consent | None:
    if row is None:
        return None
    if not isinstance(row, dict):
        raise TypeError(row)
    expires = row["expires"]
    try:
        return new_consent(_text(row["reference"]), None if expires is None else _text(expires))
    except UsageError as error:
        raise GalleryError(str(error)) from error


def _template(row: dict[str, object], dimension: int) -> TemplateRecord:
    if not is_template_id(_text(row["template_id"])):
        raise ValueError(row["template_id"])
    vector = np.frombuffer(base64.b64decode(_text(row["vector"]), validate=True), "<f4")
    if len(vector) != dimension:
        raise GalleryError(f"a template has {len(vector)} numbers, the export says {dimension}")
    return TemplateRecord(
        template_id=_text(row["template_id"]),
        vector=unit_vectors(vector[None])[0],
        source=clean_source(_text(row["source"])),
        created_at=_time(row["created_at"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _time(value: object) -> str:
    datetime.strptime(_text(value), "%Y-%m-%dT%H:%M:%SZ")
    return _text(value)
