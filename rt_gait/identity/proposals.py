"""Templates that a run proposes, kept apart in the gallery file until somebody has looked at them.

Nothing is compared with a proposal. Accepted, it becomes templates like those of an enrolment;
rejected, or when its person is forgotten, it is wiped from the file. Exports leave proposals out.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from rt_gait.errors import GalleryError
from rt_gait.identity.consent import expired
from rt_gait.identity.gallery_database import Database
from rt_gait.identity.gallery_errors import shown
from rt_gait.identity.gallery_file import KEEPING_VERSION, connect
from rt_gait.identity.gallery_store import Store
from rt_gait.identity.records import (
    TemplateKey,
    clean_source,
    new_proposal_id,
    new_template_id,
    unit_vectors,
    utc_now,
)
from rt_gait.types import FloatArray

PENDING_MOST = 20
"""Walks of one person that wait; more are not taken, so that a camera cannot fill the gallery."""
TABLE = """CREATE TABLE IF NOT EXISTS proposals (
    template_id TEXT NOT NULL PRIMARY KEY CHECK (typeof(template_id) = 'text'),
    subject_id TEXT NOT NULL REFERENCES subjects (subject_id) ON DELETE CASCADE,
    model_key TEXT NOT NULL,
    segmenter_key TEXT NOT NULL,
    vector BLOB NOT NULL CHECK (typeof(vector) = 'blob' AND length(vector) % 4 = 0),
    source TEXT NOT NULL,
    created_at TEXT NOT NULL,
    proposal_id TEXT NOT NULL CHECK (typeof(proposal_id) = 'text'),
    score REAL NOT NULL)"""
"""Rows of templates, with the walk that they belong to and the score of the run."""


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """A walk of somebody who was clearly known."""

    subject_id: str
    vectors: FloatArray
    """[K, D] float32."""
    source: str
    """Where and when it was seen."""
    score: float
    """Fused cosine similarity of the run, -1..1."""


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """A walk that waits."""

    proposal_id: str
    walk: Walk
    created_at: str
    """UTC, ISO 8601."""


class Proposals:
    """The proposals of a gallery, which must exist; a context manager.

    Every method raises :class:`GalleryError` when the file is damaged or in use for long, and
    :class:`OutputError` when it cannot be written.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._database = Database(path, connect(path, read_only=read_only))
        self._store = Store(self._database)

    def __enter__(self) -> Proposals:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def propose(self, walk: Walk, key: TemplateKey) -> str | None:
        """Keep a walk; return its id, or None where it may not be kept.

        That is when the person is not enrolled any more, their consent has expired, enough of
        their walks wait, or this one is there already.

        Raises:
            GalleryError: the models are not those of the gallery, or the vectors are unusable.
        """
        rows, source = unit_vectors(walk.vectors), clean_source(walk.source)
        proposal_id, now = new_proposal_id(), utc_now()
        with self._database.change():
            if not self._may_be_kept(walk.subject_id, source):
                return None
            self._store.check_fit(key, rows.shape[1])
            self._database.execute_many(
                "INSERT INTO proposals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        *(new_template_id(), walk.subject_id, key.model, key.segmenter),
                        *(self._store.stored(row, walk.subject_id), source, now),
                        *(proposal_id, walk.score),
                    )
                    for row in rows
                ],
            )
        return proposal_id

    def pending(self) -> list[Proposal]:
        """Return what waits, the oldest first."""
        if not self._database.has("proposals"):
            return []
        rows = self._database.rows(
            "SELECT proposal_id, subject_id, source, score, created_at, vector FROM proposals "
            "ORDER BY created_at, proposal_id, template_id"
        )
        found = []
        for _, group in groupby(rows, key=lambda row: row[0]):
            own = list(group)
            proposal_id, subject_id, source, score, created_at, _ = own[0]
            vectors = self._store.vectors([row[5] for row in own], [row[1] for row in own])
            walk = Walk(subject_id, vectors, source, score)
            found.append(Proposal(proposal_id, walk, created_at))
        return found

    def accept(self, proposal_ids: Collection[str]) -> None:
        """Make proposals templates, all or none.

        Raises:
            GalleryError: one of them is not there, or the person's consent has expired.
        """
        with self._database.change():
            for proposal_id in proposal_ids:
                owner = self._owner(proposal_id)
                if owner in expired(self._store.consents(), utc_now()[:10]):
                    raise GalleryError(
                        f"the consent behind {proposal_id} has expired: reject it, or note a new "
                        f"consent with rt-gait enroll: {shown(self._database.path)}"
                    )
                self._database.execute(
                    "INSERT INTO templates SELECT template_id, subject_id, model_key, "
                    "segmenter_key, vector, source, created_at FROM proposals "
                    "WHERE proposal_id = ?",
                    proposal_id,
                )
                self._delete(proposal_id)

    def reject(self, proposal_ids: Collection[str]) -> None:
        """Wipe proposals from the file, all or none.

        Raises:
            GalleryError: one of them is not there; or the wiping has to wait, as for
                :meth:`Gallery.remove`.
        """
        with self._database.change(wiping=True):
            for proposal_id in proposal_ids:
                self._owner(proposal_id)
                self._delete(proposal_id)

    def _may_be_kept(self, subject_id: str, source: str) -> bool:
        """Say whether a walk may wait, and make the table for it."""
        if subject_id not in self._store.names() or subject_id in expired(
            self._store.consents(), utc_now()[:10]
        ):
            return False
        self._database.execute(TABLE)
        self._database.execute(f"PRAGMA user_version = {KEEPING_VERSION}")
        held = self._database.rows(
            "SELECT source FROM proposals WHERE subject_id = ?1 GROUP BY proposal_id "
            "UNION ALL SELECT DISTINCT source FROM templates WHERE subject_id = ?1 AND source = ?2",
            *(subject_id, source),
        )
        return len(held) < PENDING_MOST and (source,) not in held

    def _owner(self, proposal_id: str) -> str:
        query = "SELECT subject_id FROM proposals WHERE proposal_id = ? LIMIT 1"
        found = self._database.rows(query, proposal_id) if self._database.has("proposals") else []
        if not found:
            raise GalleryError(
                f"nothing is proposed as {proposal_id!r}; see rt-gait gallery review: "
                f"{shown(self._database.path)}"
            )
        return str(found[0][0])

    def _delete(self, proposal_id: str) -> None:
        self._database.execute("DELETE FROM proposals WHERE proposal_id = ?", proposal_id)
