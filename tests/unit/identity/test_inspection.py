from __future__ import annotations

import numpy as np
import pytest

from rt_gait.identity.inspection import alike, consistency, nearest, strays
from rt_gait.identity.matching import Templates


def templates(*vectors: tuple[str, list[float]]) -> Templates:
    rows = sorted(vectors, key=lambda v: v[0])
    ids = tuple(sorted({name for name, _ in rows}))
    made = np.array([row for _, row in rows], np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return Templates(ids, np.array([ids.index(name) for name, _ in rows]), made)


APART = templates(("a", [1, 0, 0]), ("a", [1, 0.1, 0]), ("b", [0, 1, 0]), ("b", [0, 1, 0.1]))


def test_people_who_are_apart_are_not_odd() -> None:
    assert alike(APART, 0.5) == []
    assert strays(APART) == []
    likeness = nearest(APART.of("a"), APART, leave_out="a")
    assert likeness is not None
    assert (likeness.other_id, likeness.score) == ("b", pytest.approx(0.05, abs=0.01))


def test_one_person_under_two_names_is_found_once() -> None:
    twice = templates(("a", [1, 0, 0]), ("b", [1, 0.1, 0]), ("c", [0, 0, 1]))
    (pair,) = alike(twice, 0.5)
    assert {pair.subject_id, pair.other_id} == {"a", "b"}
    assert pair.score > 0.99


def test_templates_of_somebody_else_are_found() -> None:
    mixed = templates(
        ("a", [1, 0, 0]),
        ("a", [1, 0.1, 0]),
        ("a", [0, 1, -0.2]),
        ("b", [0, 1, 0.1]),
        ("b", [0, 1, 0]),
    )
    assert strays(mixed) == [("a", 1, "b")]


def test_a_sole_template_and_a_sole_subject_are_not_odd() -> None:
    sole = templates(("a", [1, 0, 0]))
    assert consistency(sole.of("a")).tolist() == [1.0]
    assert nearest(sole.of("a"), sole, leave_out="a") is None
    assert alike(sole, 0.0) == []
    assert strays(sole) == []
