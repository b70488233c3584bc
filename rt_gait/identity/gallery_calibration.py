"""The thresholds that a gallery keeps: one row, of the models and people it was found with."""

from __future__ import annotations

from math import isfinite

from rt_gait.identity.calibration import Calibration, Odds
from rt_gait.identity.gallery_database import Database
from rt_gait.identity.gallery_errors import damaged
from rt_gait.identity.records import TemplateKey

TABLE = """CREATE TABLE IF NOT EXISTS calibration (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    model_key TEXT NOT NULL,
    segmenter_key TEXT NOT NULL,
    known REAL NOT NULL,
    candidate REAL NOT NULL,
    fpir REAL NOT NULL,
    fpir_low REAL NOT NULL,
    fpir_high REAL NOT NULL,
    subjects INTEGER NOT NULL,
    strangers INTEGER NOT NULL,
    slope REAL,
    offset REAL)"""
"""Made when a gallery is first calibrated; galleries without it are of the same schema."""


def write_calibration(database: Database, key: TemplateKey, found: Calibration) -> None:
    """Put a calibration in the place of the one before, inside ``Database.change``."""
    database.execute(TABLE)
    database.execute(
        "INSERT OR REPLACE INTO calibration VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(key.model, key.segmenter, found.known, found.candidate, found.fpir),
        *(found.fpir_low, found.fpir_high, found.subjects, found.strangers),
        *((None, None) if found.odds is None else (found.odds.slope, found.odds.offset)),
    )


def read_calibration(database: Database, key: TemplateKey) -> Calibration | None:
    """Return the calibration made with these models, None if there is none.

    Raises:
        GalleryError: the row is not of finite numbers.
    """
    if not database.has("calibration"):
        return None
    found = database.rows(
        "SELECT known, candidate, fpir, fpir_low, fpir_high, subjects, strangers, slope, "
        "offset FROM calibration WHERE model_key = ? AND segmenter_key = ?",
        *(key.model, key.segmenter),
    )
    if not found:
        return None
    *numbers, slope, offset = found[0]
    if not all(isinstance(n, (int, float)) and isfinite(n) for n in numbers):
        raise damaged(database.path, "its calibration is not of numbers")
    known, candidate, fpir, low, high, subjects, strangers = numbers
    return Calibration(
        known=known,
        candidate=candidate,
        fpir=fpir,
        fpir_low=low,
        fpir_high=high,
        subjects=subjects,
        strangers=strangers,
        odds=None if slope is None else Odds(slope, offset),
    )
