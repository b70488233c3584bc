"""The protocol of people filmed in colour (``rt_gait.training.filmed``), put through the pipeline.

Everybody is enrolled with the two walks made for it. Probes are, in the *same clothes*, another
walk of that day, and, in *other clothes*, one of another day. Every walk has a camera of its own,
and a walk that the tracker broke in two is two sequences.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from rt_gait.errors import UsageError

from .embedding import Embedded
from .sequences import GaitSequence, SequenceInfo
from .study import Condition, Study
from .takes import ENROL, OTHER_DAY, SAME_DAY, Take
from .walkers import OTHER, SAME

_KINDS = (ENROL, SAME_DAY, OTHER_DAY)


def filmed_sequences(takes: Iterable[Take]) -> Iterator[GaitSequence]:
    """Give the walks among the takes; who stands is left out."""
    for take in takes:
        if take.kind in _KINDS:
            steps = take.silhouettes
            yield GaitSequence(
                SequenceInfo(str(take.subject), take.kind, take.view_deg),
                np.array([s.pixels for s in steps], np.uint8).reshape(-1, 64, 44),
                np.array([s.time_secs for s in steps]),
                np.array([s.frame_index for s in steps], np.int64),
            )


def evaluate_filmed(embedded: Embedded) -> tuple[Condition, ...]:
    """Return every figure of the protocol.

    Raises:
        UsageError: nobody is enrolled, or nobody walks again.
    """
    study = Study(embedded)
    kind = np.array([a.session for a in study.about])
    probed = [(name, kind == k) for name, k in ((SAME, SAME_DAY), (OTHER, OTHER_DAY))]
    if not (kind == ENROL).any() or not any(probes.any() for _, probes in probed):
        raise UsageError("expected walks to enrol and further walks of the same people")
    return tuple(
        study.condition(name, probes, kind == ENROL) for name, probes in probed if probes.any()
    )
