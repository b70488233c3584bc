"""Published protocols: who is gallery and probe, and the field's figures by brute force."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from evaluation_world import embedded_of, unit

from rt_gait.errors import UsageError
from rt_gait.evaluation.embedding import Embedded
from rt_gait.evaluation.layout import Partition
from rt_gait.evaluation.published import ONE_VIEW, layout_protocol
from rt_gait.evaluation.sequences import SequenceInfo
from rt_gait.evaluation.study import MAP, MINP, RANK_1, RANK_5
from rt_gait.evaluation.verification import EER

pytestmark = pytest.mark.usefixtures("few_replicates")

TYPES = [
    f"{kind}-{k:02d}" for kind, n in (("nm", 6), ("bg", 2), ("cl", 2)) for k in range(1, n + 1)
]
VIEWS = ("000", "090", "180")


def info(subject: str, kind: str, view: str) -> SequenceInfo:
    return SequenceInfo(subject, kind, None, {"type": kind, "view": view})


def world(
    subjects: Iterable[str], types: Iterable[str], views: Iterable[str], noise: float, seed: int = 0
) -> Embedded:
    rng = np.random.default_rng(seed)
    rows = []
    types, views = list(types), list(views)
    for subject in subjects:
        own = rng.normal(size=12)
        rows += [
            (info(subject, kind, view), (own + noise * rng.normal(size=12))[None])
            for kind in types
            for view in views
        ]
    return embedded_of(rows)


def wanted(name: str, subjects: Iterable[str], partition: Partition | None = None) -> list[str]:
    protocol = layout_protocol(name, partition)
    return [s for s in subjects if protocol.wants(info(s, "x", "000"))]


def test_casia_b_is_the_mean_over_pairs_of_different_views() -> None:
    subjects = [f"{k:03d}" for k in range(75, 85)]
    embedded = world(subjects, TYPES, VIEWS, 1.5)
    conditions = {c.name: c for c in layout_protocol("casia-b").evaluate(embedded)}
    assert list(conditions) == ["NM", "BG", "CL"]
    vectors = embedded.vectors()
    places = [(a.subject, a.session, a.labels["view"]) for a in embedded.about]
    for name, kinds in {
        "NM": ("nm-05", "nm-06"),
        "BG": ("bg-01", "bg-02"),
        "CL": ("cl-01", "cl-02"),
    }.items():
        accuracy = {}
        for probe_view in VIEWS:
            for view in VIEWS:
                gallery = [k for k, p in enumerate(places) if p[1] in TYPES[:4] and p[2] == view]
                probes = [k for k, p in enumerate(places) if p[1] in kinds and p[2] == probe_view]
                best = (vectors[probes] @ vectors[gallery].T).argmax(axis=1)
                hits = [
                    places[gallery[b]][0] == places[p][0] for p, b in zip(probes, best, strict=True)
                ]
                accuracy[probe_view, view] = np.mean(hits)
        off = [v for (a, b), v in accuracy.items() if a != b]
        assert conditions[name].figures[ONE_VIEW].value == pytest.approx(np.mean(off))
        by_view = conditions[name].groups["view of the probe, one gallery view"]
        for probe_view in VIEWS:
            row = [v for (a, b), v in accuracy.items() if a == probe_view != b]
            assert by_view[probe_view][RANK_1].value == pytest.approx(np.mean(row))
        assert 0.2 < np.mean(off) < 0.999
    assert conditions["NM"].counts["gallery sequences"] == 10 * 4 * 3
    assert conditions["BG"].counts["probes"] == 10 * 2 * 3


def test_casia_b_tests_the_last_fifty() -> None:
    subjects = [f"{k:03d}" for k in range(1, 125)]
    assert wanted("casia-b", subjects) == subjects[74:]
    assert wanted("casia-b", subjects, Partition(frozenset({"003"}))) == ["003"]


def test_oumvlp_tests_every_other() -> None:
    subjects = [f"{k:05d}" for k in range(1, 10308)]
    assert len(wanted("oumvlp", subjects)) == 5154
    assert wanted("oumvlp", ["00001", "00002", "10305", "10306", "10307"]) == [
        "00002",
        "10306",
        "10307",
    ]
    embedded = world(["00002", "00004", "00006"], ["00", "01"], VIEWS, 0.0)
    (condition,) = layout_protocol("oumvlp").evaluate(embedded)
    assert condition.counts["probes"] == condition.counts["gallery sequences"] == 9
    assert condition.figures[ONE_VIEW].value == 1
    assert condition.figures[EER].value == 0


def test_gait3d_takes_the_listed_probes() -> None:
    embedded = world(["0001", "0002", "0003"], ["cam1", "cam2", "cam3"], ["seq0"], 0.3)
    listed = Partition(
        frozenset({"0001", "0002", "0003"}), frozenset({"0001-cam1-seq0", "0003-cam2-seq0"})
    )
    (condition,) = layout_protocol("gait3d", listed).evaluate(embedded)
    assert condition.counts["probes"] == 2
    assert condition.counts["gallery sequences"] == 7
    vectors = embedded.vectors()
    gallery = [k for k in range(9) if k not in (0, 7)]
    precision, penalty = [], []
    for probe, subject in ((0, 0), (7, 2)):
        order = np.argsort(-(vectors[gallery] @ vectors[probe]))
        places = np.flatnonzero(np.array(gallery)[order] // 3 == subject) + 1
        precision.append(np.mean([(k + 1) / p for k, p in enumerate(places)]))
        penalty.append(len(places) / places[-1])
    assert condition.figures[MAP].value == pytest.approx(np.mean(precision))
    assert condition.figures[MINP].value == pytest.approx(np.mean(penalty))
    assert condition.figures[RANK_5].value == 1
    for partition in (None, Partition(frozenset({"0001"}))):
        with pytest.raises(UsageError, match="PROBE_SET"):
            layout_protocol("gait3d", partition)


def test_grew_enrols_two_of_four_or_one_of_two() -> None:
    assert wanted("grew", ["00001", "00001train", "probe", "distractor"]) == ["00001"]
    for types, gallery, probes in ((("01", "02", "03", "04"), 6, 6), (("01", "02"), 3, 3)):
        embedded = world(["00001", "00002", "00003"], types, ["x"], 0.0)
        (condition,) = layout_protocol("grew").evaluate(embedded)
        assert condition.counts["gallery sequences"] == gallery
        assert condition.counts["probes"] == probes
        assert condition.figures[RANK_1].value == 1


def test_sessions_enrol_the_first_of_everybody_or_the_types_asked_for() -> None:
    rows = [("anna", "monday", "a"), ("anna", "sunday", "a"), ("ben", "june", "a")]
    rows += [("ben", "may", "a"), ("ben", "may", "b"), ("cleo", "may", "b")]
    eye = unit(np.eye(3))
    embedded = embedded_of((info(*row), eye[[ord(row[0][0]) - 97]]) for row in rows)
    every, others = layout_protocol("sessions").evaluate(embedded)
    assert every.counts["gallery sequences"] == 3
    assert (every.counts["probes"], every.figures[RANK_1].value) == (3, 1)
    assert set(every.groups["type"]) == {"sunday", "may"}
    assert set(every.groups["view"]) == {"a", "b"}
    assert others.figures[RANK_1].trials == 1  # the one probe that nobody's gallery view shows
    asked = layout_protocol("sessions", None, ["may"]).evaluate(embedded)[0]
    assert asked.counts["gallery sequences"] == 3
    assert asked.counts["probes of nobody enrolled"] == 2


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(UsageError, match="casia-b, oumvlp"):
        layout_protocol("casia")
    with pytest.raises(UsageError, match="gallery-type"):
        layout_protocol("casia-b", None, ["nm-01"])
    embedded = world(["075", "076"], ["nm-01", "xx"], VIEWS, 0.1)
    with pytest.raises(UsageError, match=r"probes.*nm-01, xx"):
        layout_protocol("casia-b").evaluate(embedded)
    with pytest.raises(UsageError, match="gallery"):
        layout_protocol("sessions", None, ["zz"]).evaluate(embedded)
    with pytest.raises(UsageError, match="probes"):
        layout_protocol("sessions").evaluate(world(["a", "b"], ["x"], VIEWS, 0.1))
