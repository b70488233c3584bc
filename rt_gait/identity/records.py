"""What a gallery holds, and which names and ids it takes.

A name never becomes a path, a table or a flag: the random pseudonym does that work. So names are
free text, kept to what fits on one line of a screen without tricks.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np
import numpy.typing as npt

from rt_gait.errors import GalleryError
from rt_gait.identity.consent import Consent
from rt_gait.types import FloatArray

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Base32 without I, L, O and U, so that a pseudonym survives being read aloud."""
NAME_CHARACTERS_MAX = 64
SOURCE_CHARACTERS_MAX = 256
_SUBJECT_ID = re.compile(f"s_[{CROCKFORD}]{{8}}")
_TEMPLATE_ID = re.compile(f"t_[{CROCKFORD}]{{16}}")


@dataclass(frozen=True, slots=True)
class TemplateKey:
    """The models a template comes from; vectors of different keys cannot be compared."""

    model: str
    """Gait model and digest, such as ``gei@1a2b3c4d``."""
    segmenter: str
    """Person segmenter and digest, such as ``person_seg@9f8e7d6c``."""

    def __post_init__(self) -> None:
        """Refuse an empty or unprintable part with a :class:`GalleryError`."""
        for part in (self.model, self.segmenter):
            if not part or not part.isprintable():
                raise GalleryError(f"a template key needs printable text, got {part!r}")


@dataclass(frozen=True, slots=True)
class SubjectSummary:
    """One enrolled person, as listed."""

    subject_id: str
    name: str
    templates: int
    """How many templates the person has."""
    created_at: str
    """UTC, ISO 8601, such as ``2025-06-01T09:30:00Z``."""


@dataclass(frozen=True, slots=True, eq=False)
class TemplateRecord:
    """One template with where it came from."""

    template_id: str
    vector: FloatArray
    """[D] float32, L2 norm 1."""
    source: str
    created_at: str


@dataclass(frozen=True, slots=True, eq=False)
class SubjectRecord:
    """One enrolled person with all templates."""

    subject_id: str
    name: str
    created_at: str
    templates: tuple[TemplateRecord, ...]
    consent: Consent | None = None


def check_name(name: str) -> str:
    """Return the name as it is stored: Unicode NFC, without blanks around it.

    Raises:
        GalleryError: nothing is left, it is longer than 64 characters, or it holds characters
            that do not print (control, line break, direction override, lone surrogate).
    """
    stored = unicodedata.normalize("NFC", name).strip()
    if not stored:
        raise GalleryError("a name needs at least one character that is not blank")
    if len(stored) > NAME_CHARACTERS_MAX:
        raise GalleryError(
            f"a name has at most {NAME_CHARACTERS_MAX} characters, this one has {len(stored)}"
        )
    if not stored.isprintable():
        raise GalleryError(f"a name holds printable characters only, got {stored!r}")
    return stored


def clean_source(source: str) -> str:
    """Return a note on where a template came from that is safe to store and print.

    Sources are file names as often as not, and those may hold anything; a note is not worth
    failing an enrolment for, so what does not print becomes ``?`` and the rest is cut at 256.
    """
    shown = "".join(char if char.isprintable() else "?" for char in source)
    return shown[:SOURCE_CHARACTERS_MAX]


def new_subject_id() -> str:
    """Return a pseudonym such as ``s_7Q2F9K3D``: 40 random bits, nothing of the person."""
    return f"s_{_random(8)}"


def new_template_id() -> str:
    """Return an id of 80 random bits: galleries that were copied and grown apart can be merged."""
    return f"t_{_random(16)}"


def new_proposal_id() -> str:
    """Return an id such as ``p_7Q2F9K3D``."""
    return f"p_{_random(8)}"


def _random(characters: int) -> str:
    return "".join(secrets.choice(CROCKFORD) for _ in range(characters))


def is_subject_id(text: str) -> bool:
    """Say whether the text has the form of :func:`new_subject_id`."""
    return _SUBJECT_ID.fullmatch(text) is not None


def is_template_id(text: str) -> bool:
    """Say whether the text has the form of :func:`new_template_id`."""
    return _TEMPLATE_ID.fullmatch(text) is not None


def utc_now() -> str:
    """Return the time of day in UTC, ISO 8601 to the second."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def spread(vectors: FloatArray, most: int) -> FloatArray:
    """Return at most so many of the vectors [K, D], evenly spread over them."""
    kept = np.linspace(0, len(vectors) - 1, min(len(vectors), most)).round().astype(int)
    return np.asarray(vectors[kept])


def unit_vectors(vectors: npt.ArrayLike) -> FloatArray:
    """Return ``vectors`` scaled to L2 norm 1.

    Args:
        vectors: [K, D] of any real type, K and D at least 1.

    Returns:
        [K, D] float32.

    Raises:
        GalleryError: another shape, or a row that is not finite or has norm zero.
    """
    with np.errstate(over="ignore"):
        rows = np.asarray(vectors).astype(np.float32)
    if rows.ndim != 2 or not rows.size:
        raise GalleryError(f"templates come as [K, D] with K and D at least 1, got {rows.shape}")
    if not np.isfinite(rows).all():
        raise GalleryError("a template holds numbers that are not finite; the model is broken")
    norms = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    if not norms.all():
        raise GalleryError("a template is all zeros; the model saw nothing")
    # What is of unit norm stays as it is, to the bit, however often it is exported and imported.
    return np.where(np.abs(norms - 1) < 1e-6, rows, rows / norms).astype(np.float32)
