"""The statements behind the gallery: people and templates in, people and templates out."""

from __future__ import annotations

from itertools import groupby

import numpy as np

from rt_gait.errors import GalleryError
from rt_gait.identity import consent, sealing
from rt_gait.identity.consent import Consent
from rt_gait.identity.exchange import Contents
from rt_gait.identity.gallery_database import Database
from rt_gait.identity.gallery_errors import damaged, shown
from rt_gait.identity.gallery_file import KEEPING_VERSION
from rt_gait.identity.matching import Templates
from rt_gait.identity.records import (
    SubjectRecord,
    TemplateKey,
    TemplateRecord,
    new_subject_id,
)
from rt_gait.identity.sealing import OVERHEAD_BYTES, Seal
from rt_gait.types import FloatArray

NORM_ERROR_MAX = 1e-3
"""A stored vector is off by some 1e-7; more means that its bytes have changed since."""

_ENCRYPTED = (
    (
        "templates",
        "SELECT template_id, subject_id, vector FROM templates",
        "UPDATE templates SET vector = ? WHERE template_id = ?",
    ),
    (
        "proposals",
        "SELECT template_id, subject_id, vector FROM proposals",
        "UPDATE proposals SET vector = ? WHERE template_id = ?",
    ),
)


class Store:
    """The statements on a gallery; those that write run inside ``Database.change``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seal: Seal | None = None

    def key_and_dimension(self) -> tuple[TemplateKey | None, int]:
        """Return what all templates have in common; None and 0 without templates."""
        found = self._database.rows(
            "SELECT model_key, segmenter_key, length(vector) FROM templates LIMIT 1"
        )
        if not found:
            return None, 0
        model, segmenter, size = found[0]
        size -= OVERHEAD_BYTES if self.sealed else 0
        return TemplateKey(model, segmenter), int(size) // 4

    @property
    def sealed(self) -> bool:
        """Whether the templates are encrypted."""
        return self._database.has("sealed")

    def seal(self) -> Seal | None:
        """Return what opens the templates, None where they are not encrypted.

        Raises:
            UsageError: there is no key.
            GalleryError: the key is another one.
        """
        if not self.sealed:
            return None
        if self._seal is None:
            seal = Seal()
            proofs = self._database.rows("SELECT proof FROM sealed")
            if len(proofs) != 1 or not seal.proves(proofs[0][0]):
                raise GalleryError(
                    f"the gallery was encrypted with another key: {shown(self._database.path)}"
                )
            self._seal = seal
        return self._seal

    def encrypt(self) -> None:
        """Encrypt every template and proposal, inside :meth:`change`."""
        seal = Seal()
        self._database.execute(sealing.TABLE)
        self._database.execute(f"PRAGMA user_version = {KEEPING_VERSION}")
        self._database.execute("INSERT INTO sealed VALUES (1, ?)", seal.proof())
        for table, find, change in _ENCRYPTED:
            for template_id, owner, vector in (
                self._database.rows(find) if self._database.has(table) else ()
            ):
                self._database.execute(change, seal.close(vector, owner), template_id)

    def set_consent(self, subject_id: str, given: Consent) -> None:
        """Note a consent in the place of the one before, inside :meth:`change`."""
        self._database.execute(consent.TABLE)
        self._database.execute(f"PRAGMA user_version = {KEEPING_VERSION}")
        self._database.execute(
            "INSERT OR REPLACE INTO consents VALUES (?, ?, ?)",
            *(subject_id, given.reference, given.expires),
        )

    def consents(self) -> dict[str, Consent]:
        """Return subject id to consent, of those who have one."""
        if not self._database.has("consents"):
            return {}
        rows = self._database.rows("SELECT subject_id, reference, expires FROM consents")
        return {subject_id: Consent(reference, expires) for subject_id, reference, expires in rows}

    def check_fit(self, key: TemplateKey, dimension: int | None = None) -> None:
        """Raise GalleryError unless the gallery is empty or of that key and dimension."""
        held, held_dimension = self.key_and_dimension()
        if held is None:
            return
        if held != key:
            raise GalleryError(
                f"the gallery was made with model {held.model} and segmenter {held.segmenter}; "
                f"this run uses {key.model} and {key.segmenter}; {_advice(held, key)}, or enrol "
                f"again into another gallery file: {shown(self._database.path)}"
            )
        if dimension is not None and dimension != held_dimension:
            raise GalleryError(
                f"the gallery holds templates of {held_dimension} numbers, these have {dimension}; "
                f"use the model that the gallery was made with: {shown(self._database.path)}"
            )

    def subject_id(self, name: str) -> str | None:
        """Return whose name it is, None if nobody's."""
        found = self._database.rows("SELECT subject_id FROM subjects WHERE name = ?", name)
        return str(found[0][0]) if found else None

    def names(self) -> dict[str, str]:
        """Return subject id to name."""
        return dict(
            self._database.rows("SELECT subject_id, name FROM subjects ORDER BY subject_id")
        )

    def template_owners(self) -> dict[str, str]:
        """Return template id to subject id."""
        return dict(self._database.rows("SELECT template_id, subject_id FROM templates"))

    def unused_subject_id(self) -> str:
        """Return a pseudonym nobody has; two of 40 random bits meet once in a long while."""
        while True:
            subject_id = new_subject_id()
            if not self._database.rows("SELECT 1 FROM subjects WHERE subject_id = ?", subject_id):
                return subject_id

    def insert(self, subject: SubjectRecord, key: TemplateKey, *, new: bool) -> None:
        """Add the subject, if new, and its templates."""
        if new:
            self._database.execute(
                "INSERT INTO subjects VALUES (?, ?, ?)",
                *(subject.subject_id, subject.name, subject.created_at),
            )
        if subject.consent is not None:
            self.set_consent(subject.subject_id, subject.consent)
        self._database.execute_many(
            "INSERT INTO templates VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(template.template_id, subject.subject_id, key.model, key.segmenter),
                    self.stored(template.vector, subject.subject_id),
                    *(template.source, template.created_at),
                )
                for template in subject.templates
            ],
        )

    def stored(self, vector: FloatArray, owner: str) -> bytes:
        """Return a template [D] of a subject as it goes into the file, encrypted where all are."""
        plain, seal = vector.astype("<f4").tobytes(), self.seal()
        return plain if seal is None else seal.close(plain, owner)

    def vectors(self, blobs: list[bytes], owners: list[str]) -> FloatArray:
        """Return stored vectors as [M, D] float32, M at least 1; GalleryError if damaged."""
        seal = self.seal()
        if seal is not None:
            blobs = [seal.open(blob, own) for blob, own in zip(blobs, owners, strict=True)]
        size = len(blobs[0])
        if not size or any(len(blob) != size for blob in blobs):
            raise damaged(self._database.path, "templates of different lengths")
        vectors = np.frombuffer(b"".join(blobs), "<f4").reshape(len(blobs), -1).astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            errors = np.abs(np.linalg.norm(vectors, axis=1) - 1)
        if not (errors <= NORM_ERROR_MAX).all():
            raise damaged(self._database.path, "a template is not of unit norm")
        return vectors

    def templates(self, *, without: set[str]) -> Templates:
        """Return all templates but those of the subjects ``without``, subjects by id."""
        rows = self._database.rows(
            "SELECT subject_id, vector FROM templates ORDER BY subject_id, template_id"
        )
        rows = [row for row in rows if row[0] not in without]
        if not rows:
            return Templates.none()
        subject_ids, owners = np.unique([row[0] for row in rows], return_inverse=True)
        vectors = self.vectors([row[1] for row in rows], [row[0] for row in rows])
        return Templates(tuple(subject_ids.tolist()), owners.astype(np.int64), vectors)

    def contents(self) -> Contents:
        """Return everything, subjects and templates by id."""
        with self._database.reading():
            key, _ = self.key_and_dimension()
            people = self._database.rows(
                "SELECT subject_id, name, created_at FROM subjects ORDER BY 1"
            )
            rows = self._database.rows(
                "SELECT subject_id, template_id, vector, source, created_at FROM templates "
                "ORDER BY 1, 2"
            )
            consents = self.consents()
        vectors = self.vectors([row[2] for row in rows], [row[0] for row in rows]) if rows else ()
        templates = {
            owner: tuple(TemplateRecord(row[1], vector, row[3], row[4]) for row, vector in group)
            for owner, group in groupby(
                zip(rows, vectors, strict=True), key=lambda pair: str(pair[0][0])
            )
        }
        return Contents(
            key,
            tuple(
                SubjectRecord(
                    *(subject_id, name, created_at, templates.get(subject_id, ())),
                    consent=consents.get(subject_id),
                )
                for subject_id, name, created_at in people
            ),
        )


def _advice(held: TemplateKey, key: TemplateKey) -> str:
    """Say how to get back to the models of the gallery, as far as their names tell."""
    flags = []
    for flag, old, new in (
        ("--model", held.model, key.model),
        ("--detector", held.segmenter, key.segmenter),
    ):
        name = old.rpartition("@")[0]
        if old != new:
            same = name == new.rpartition("@")[0]
            flags.append(f"{name} has changed since" if same else f"pass {flag} {name}")
    return " and ".join(flags)
