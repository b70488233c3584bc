"""What allows somebody to be in a gallery: where their consent is filed, and how long it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from rt_gait.errors import UsageError

REFERENCE_CHARACTERS_MAX = 200
TABLE = """CREATE TABLE IF NOT EXISTS consents (
    subject_id TEXT NOT NULL PRIMARY KEY REFERENCES subjects (subject_id) ON DELETE CASCADE,
    reference TEXT NOT NULL CHECK (typeof(reference) = 'text'),
    expires TEXT CHECK (expires IS NULL OR date(expires) IS expires))"""


@dataclass(frozen=True, slots=True)
class Consent:
    """Why and until when a person may be recognised."""

    reference: str = ""
    """Where the consent is filed, such as ``form 17``; empty when not said."""
    expires: str | None = None
    """ISO 8601 date, UTC, the last day on which it holds; None is for good."""


def new_consent(reference: str | None, expires: str | None) -> Consent | None:
    """Return a checked consent, None where nothing is given.

    Raises:
        UsageError: the reference is too long or does not print, or the date is no date.
    """
    if reference is None and expires is None:
        return None
    text = (reference or "").strip()
    if len(text) > REFERENCE_CHARACTERS_MAX or not text.isprintable():
        raise UsageError(
            f"a consent reference has at most {REFERENCE_CHARACTERS_MAX} printable characters"
        )
    if expires is not None:
        try:
            if date.fromisoformat(expires).isoformat() != expires:
                raise ValueError(expires)
        except ValueError:
            raise UsageError(f"expected a date such as 2027-01-31, not {expires!r}") from None
    return Consent(text, expires)


def expired(consents: Mapping[str, Consent], day: str) -> set[str]:
    """Return the subject ids of those whose consent has expired by a day, ISO 8601."""
    return {i for i, c in consents.items() if c.expires is not None and c.expires < day}
