"""The gallery: who is enrolled, and the gait templates of each, in one SQLite file.

All templates of a gallery come from one gait model and one segmenter; others are refused, because
their vectors lie in another space and would compare without meaning. Every change is one
transaction: a program that dies at any moment leaves the gallery as before it or as after it.
What is removed, or renamed away, is wiped from the file as well.
"""

from __future__ import annotations

from pathlib import Path

import numpy.typing as npt

from rt_gait.errors import GalleryError
from rt_gait.identity.calibration import Calibration
from rt_gait.identity.consent import Consent, expired
from rt_gait.identity.exchange import read_export, write_export
from rt_gait.identity.gallery_calibration import read_calibration, write_calibration
from rt_gait.identity.gallery_database import Database
from rt_gait.identity.gallery_errors import shown
from rt_gait.identity.gallery_file import connect
from rt_gait.identity.gallery_merge import merge
from rt_gait.identity.gallery_store import Store
from rt_gait.identity.matching import Templates
from rt_gait.identity.records import (
    SubjectRecord,
    SubjectSummary,
    TemplateKey,
    TemplateRecord,
    check_name,
    clean_source,
    new_template_id,
    unit_vectors,
    utc_now,
)


class Gallery:
    """An open gallery; a context manager, for the thread that opened it.

    Every method raises :class:`GalleryError` when the file is damaged or in use for long, and
    those that change it raise :class:`OutputError` when it cannot be written.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._store = Store(database)

    @classmethod
    def create_or_open(cls, path: str | Path) -> Gallery:
        """Open the gallery for reading and writing; make it (mode 0600) where there is none."""
        return cls(Database(Path(path), connect(Path(path), create=True)))

    @classmethod
    def open(cls, path: str | Path, *, read_only: bool = False) -> Gallery:
        """Open a gallery that must exist; ``read_only`` needs no right to write."""
        return cls(Database(Path(path), connect(Path(path), read_only=read_only)))

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; calling it twice does no harm."""
        self._database.close()

    @property
    def path(self) -> Path:
        """Where the gallery lies."""
        return self._database.path

    @property
    def revision(self) -> int:
        """Number of changes so far: another one means that the templates need loading again."""
        return int(self._database.rows("SELECT revision FROM state")[0][0])

    @property
    def key(self) -> TemplateKey | None:
        """What the templates were made with; None while there are none."""
        return self._store.key_and_dimension()[0]

    def enrol(
        self,
        *,
        name: str,
        vectors: npt.ArrayLike,
        key: TemplateKey,
        source: str = "",
        consent: Consent | None = None,
    ) -> str:
        """Add templates to the person of that name, who is added first where missing.

        Args:
            name: 1 to 64 printable characters.
            vectors: [K, D], K at least 1, D as in the gallery; stored with L2 norm 1.
            key: the models that made the vectors.
            source: a note on where they come from.
            consent: what allows this, in the place of what the person gave before.

        Returns:
            The subject id.

        Raises:
            GalleryError: name or vectors refused, or other models than the gallery's.
        """
        name, rows = check_name(name), unit_vectors(vectors)
        note, now = clean_source(source), utc_now()
        records = tuple(TemplateRecord(new_template_id(), row, note, now) for row in rows)
        with self._database.change():
            self._store.check_fit(key, rows.shape[1])
            held = self._store.subject_id(name)
            subject_id = held or self._store.unused_subject_id()
            subject = SubjectRecord(subject_id, name, now, records, consent)
            self._store.insert(subject, key, new=held is None)
        return subject_id

    def subjects(self) -> list[SubjectSummary]:
        """Return everybody enrolled, by name."""
        rows = self._database.rows(
            "SELECT subject_id, name, count(template_id), subjects.created_at FROM subjects "
            "LEFT JOIN templates USING (subject_id) GROUP BY subject_id ORDER BY name"
        )
        return [SubjectSummary(*row) for row in rows]

    def names(self) -> dict[str, str]:
        """Return subject id to name."""
        return self._store.names()

    def find(self, name: str) -> str:
        """Return the subject id of a person; GalleryError if nobody has the name."""
        return self._enrolled(check_name(name))

    def rename(self, name: str, new_name: str) -> None:
        """Give a person another name, and wipe the old one from the file.

        Raises:
            GalleryError: nobody has the name, or somebody else has the new one; or the wiping
                has to wait, as for :meth:`remove`.
        """
        name, new_name = check_name(name), check_name(new_name)
        with self._database.change(wiping=True):
            subject_id = self._enrolled(name)
            if self._store.subject_id(new_name) not in (None, subject_id):
                raise GalleryError(
                    f"{new_name!r} is enrolled already; choose another name: {shown(self.path)}"
                )
            if new_name != name:
                self._database.execute(
                    "UPDATE subjects SET name = ? WHERE subject_id = ?", new_name, subject_id
                )

    def remove(self, name: str) -> None:
        """Remove a person: name, id, templates and sources, wiped from the file and its log.

        Raises:
            GalleryError: nobody has the name; or the person is removed, but the wiping has to
                wait until the gallery is next opened, because another program reads it.
        """
        with self._database.change(wiping=True):
            subject_id = self._enrolled(check_name(name))
            self._database.execute("DELETE FROM subjects WHERE subject_id = ?", subject_id)

    def templates(self, key: TemplateKey) -> Templates:
        """Return all templates, ready to compare, subjects by id; none from an empty gallery.

        Those of people whose consent has expired are left out; :meth:`expired` says whose.

        Raises:
            GalleryError: they were made by other models than ``key`` says.
        """
        with self._database.reading():
            self._store.check_fit(key)
            return self._store.templates(without=self.expired())

    def calibration(self, key: TemplateKey) -> Calibration | None:
        """Return the thresholds found for this gallery with these models; None if there are none.

        They are of the people who were enrolled then.
        """
        return read_calibration(self._database, key)

    def set_calibration(self, key: TemplateKey, found: Calibration) -> None:
        """Keep thresholds in the gallery, in the place of those before."""
        with self._database.change():
            self._store.check_fit(key)
            write_calibration(self._database, key, found)

    def consents(self) -> dict[str, Consent]:
        """Return subject id to consent, of those who gave one."""
        return self._store.consents()

    def expired(self, today: str | None = None) -> set[str]:
        """Return the ids of those whose consent has expired.

        Args:
            today: ISO 8601 date; that of now in UTC where it is not given.
        """
        return expired(self.consents(), today or utc_now()[:10])

    @property
    def encrypted(self) -> bool:
        """Whether templates are encrypted at rest."""
        return self._store.sealed

    def encrypt(self) -> None:
        """Encrypt all templates, now and from now on, and wipe the plain ones from the file.

        Raises:
            UsageError: there is no key, or ``cryptography`` is not installed.
            GalleryError: it is encrypted already.
        """
        if self.encrypted:
            raise GalleryError(f"the gallery is encrypted already: {shown(self.path)}")
        with self._database.change(wiping=True):
            self._store.encrypt()

    def export(self, path: str | Path) -> None:
        """Write everything into a new JSON file (mode 0600, not encrypted) for :meth:`import_`.

        Raises:
            OutputError: the file exists already, or cannot be written.
        """
        write_export(Path(path), self._store.contents())

    def import_(self, path: str | Path) -> int:
        """Take in an export: people that are missing, and templates that are missing of others.

        A person who is here already, by id, keeps the name given here.

        Returns:
            Number of templates added.

        Raises:
            GalleryError: not an export, or made by other models, or a name or a template
                belongs to another person here. Nothing has been taken in then.
        """
        contents = read_export(Path(path))
        with self._database.change():
            return merge(self._store, self.path, contents)

    def _enrolled(self, name: str) -> str:
        subject_id = self._store.subject_id(name)
        if subject_id is None:
            raise GalleryError(f"nobody is enrolled as {name!r}: {shown(self.path)}")
        return subject_id
