"""Protocols for data sets in OpenGait's layout: four published ones, and one for users' own.

casia-b
    Gallery nm-01 to nm-04; probes nm-05 and nm-06 (NM), bg-01 and bg-02 (BG), cl-01 and cl-02
    (CL); subjects 075 to 124 (Yu, Tan & Tan, ICPR 2006, in the split of Wu et al., IEEE TPAMI 39,
    2017). The field's figure is *rank-1, one gallery view*: each pair of two different views is a
    test of its own, and the figure is the mean over the pairs.
oumvlp
    The same with gallery 01 and probes 00; every other subject from 00002 on, and 10307 (Takemura
    et al., IPSJ T. CVA 10, 2018, as OpenGait splits it).
gait3d
    Probes are the sequences that the partition file lists, the gallery all others of the test
    subjects (Zheng et al., CVPR 2022).
grew
    Of four sequences of each test subject 01 and 02 are the gallery (Zhu et al., ICCV 2021). The
    identities of the probes (folder ``probe``) are published nowhere; where 01 and 02 are all
    there is, 01 is the gallery and 02 the probe, as OpenGait does for lack of them.
sessions
    The first type of each subject by name, or the types asked for, are the gallery, all others
    probes.

In all but the pairs of views the gallery holds all views; casia-b and oumvlp leave out a probe's
mates of its own view. The distance is the cosine of whole vectors, where OpenGait takes a mean of
Euclidean distances over body parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rt_gait.errors import UsageError

from .embedding import Embedded
from .layout import Partition
from .resampling import Figure
from .searches import view_grid
from .sequences import SequenceInfo
from .study import RANK_1, Condition, Mask, Study

ONE_VIEW, BY_VIEW = "rank-1, one gallery view", "view of the probe, one gallery view"
_PROBE_VIEW, _TYPE = "view", "type"


@dataclass(frozen=True)
class LayoutProtocol:
    """Which sequences are read, and how they are compared."""

    wants: Callable[[SequenceInfo], bool]
    evaluate: Callable[[Embedded], tuple[Condition, ...]]
    """Raises UsageError where the sequences of the protocol are missing."""


def _casia_b(partition: Partition | None, _types: Sequence[str]) -> LayoutProtocol:
    probes = {kind: [f"{kind.lower()}-{k:02d}" for k in range(*span)] for kind, span in _CASIA_B}
    gallery = [f"nm-{k:02d}" for k in range(1, 5)]

    def tested(subject: str) -> bool:
        return subject.isdecimal() and 75 <= int(subject) <= 124

    return _indoor(_tested(partition, tested), gallery, probes)


_CASIA_B = (("NM", (5, 7)), ("BG", (1, 3)), ("CL", (1, 3)))


def _oumvlp(partition: Partition | None, _types: Sequence[str]) -> LayoutProtocol:
    def tested(subject: str) -> bool:
        return subject.isdecimal() and (int(subject) % 2 == 0 or int(subject) > 10305)

    return _indoor(_tested(partition, tested), ["01"], {"NM": ["00"]})


def _indoor(
    wants: Callable[[SequenceInfo], bool],
    gallery_types: Sequence[str],
    probe_types: Mapping[str, Sequence[str]],
) -> LayoutProtocol:
    def evaluate(embedded: Embedded) -> tuple[Condition, ...]:
        study = Study(embedded)
        gallery = _of_types(study, gallery_types)
        kinds = {name: _of_types(study, types) for name, types in probe_types.items()}
        _check(study, gallery, np.logical_or.reduce(list(kinds.values())))
        return tuple(
            _grid(study, n, probes, gallery) for n, probes in kinds.items() if probes.any()
        )

    return LayoutProtocol(wants, evaluate)


def _grid(study: Study, name: str, probes: Mask, gallery: Mask) -> Condition:
    """Return the condition with the mean over pairs of views, and of each probe view."""
    condition = study.condition(name, probes, gallery, exclude_same_view=True)
    side = study.side(probes)
    views = len(study.views)
    found = view_grid(side, study.side(gallery), views)
    cell = side.view[:, None] * views + np.arange(views)
    pair = np.broadcast_to(side.subject[:, None], found.shape)

    def mean(rows: Mask) -> Figure:
        return study.resampling.rate(pair[rows].ravel(), found[rows].ravel(), cell[rows].ravel())

    order = sorted(range(views), key=lambda k: study.views[k])
    by_view = {study.views[k]: {RANK_1: mean(side.view == k)} for k in order}
    everything = mean(np.ones(len(side), np.bool_))
    return condition.joined({ONE_VIEW: everything}, {BY_VIEW: by_view})


def _gait3d(partition: Partition | None, _types: Sequence[str]) -> LayoutProtocol:
    if partition is None or not partition.probes:
        raise UsageError("gait3d needs --partition with a PROBE_SET: OpenGait's Gait3D.json")
    listed = partition.probes

    def evaluate(embedded: Embedded) -> tuple[Condition, ...]:
        study = Study(embedded)
        names = ["-".join((a.subject, a.session, a.labels["view"])) for a in study.about]
        probes = np.array([n in listed for n in names], np.bool_)
        _check(study, ~probes, probes)
        return (study.condition("all", probes, ~probes),)

    return LayoutProtocol(_tested(partition, lambda _: False), evaluate)


def _grew(partition: Partition | None, _types: Sequence[str]) -> LayoutProtocol:
    def evaluate(embedded: Embedded) -> tuple[Condition, ...]:
        study = Study(embedded)
        gallery = _of_types(study, ("01", "02"))
        if gallery.all():
            gallery = _of_types(study, ("01",))
        _check(study, gallery, ~gallery)
        return (study.condition("all", ~gallery, gallery),)

    tested = _tested(partition, str.isdecimal)
    return LayoutProtocol(lambda a: a.subject.isdecimal() and tested(a), evaluate)


def _sessions(partition: Partition | None, types: Sequence[str]) -> LayoutProtocol:
    def evaluate(embedded: Embedded) -> tuple[Condition, ...]:
        study = Study(embedded)
        gallery = _of_types(study, types) if types else _first_types(study)
        _check(study, gallery, ~gallery)
        by = {label: study.labels(~gallery, label) for label in (_TYPE, _PROBE_VIEW)}
        out = [study.condition("all", ~gallery, gallery, by=by)]
        if len(study.views) > 1:
            out.append(
                study.condition("other views", ~gallery, gallery, by=by, exclude_same_view=True)
            )
        return tuple(out)

    return LayoutProtocol(_tested(partition, lambda _: True), evaluate)


_PROTOCOLS: dict[str, Callable[[Partition | None, Sequence[str]], LayoutProtocol]] = {
    "casia-b": _casia_b,
    "oumvlp": _oumvlp,
    "gait3d": _gait3d,
    "grew": _grew,
    "sessions": _sessions,
}
PROTOCOLS = tuple(_PROTOCOLS)


def layout_protocol(
    name: str, partition: Partition | None = None, gallery_types: Sequence[str] = ()
) -> LayoutProtocol:
    """Return a protocol.

    Args:
        name: one of :data:`PROTOCOLS`.
        partition: who is tested, in place of the protocol's own subjects.
        gallery_types: for ``sessions``.

    Raises:
        UsageError: there is no such protocol, or it needs or cannot use what was given.
    """
    if name not in _PROTOCOLS:
        raise UsageError(f"no protocol {name!r}; protocols: {', '.join(PROTOCOLS)}")
    if gallery_types and name != "sessions":
        raise UsageError(f"the gallery of {name} is fixed; --gallery-type goes with sessions")
    return _PROTOCOLS[name](partition, gallery_types)


def _tested(
    partition: Partition | None, otherwise: Callable[[str], bool]
) -> Callable[[SequenceInfo], bool]:
    if partition is None:
        return lambda about: otherwise(about.subject)
    return lambda about: about.subject in partition.test


def _of_types(study: Study, types: Iterable[str]) -> Mask:
    return np.array([a.session in types for a in study.about], np.bool_)


def _first_types(study: Study) -> Mask:
    first: dict[str, str] = {}
    for a in study.about:
        first[a.subject] = min(first.get(a.subject, a.session), a.session)
    return np.array([first[a.subject] == a.session for a in study.about], np.bool_)


def _check(study: Study, gallery: Mask, probes: Mask) -> None:
    for side, what in ((gallery, "gallery"), (probes, "probes")):
        if not side.any():
            types = sorted({a.session for a in study.about})
            shown = ", ".join(types[:8]) + (", ..." if len(types) > 8 else "")
            raise UsageError(f"nothing for the {what} of this protocol among the types {shown}")
