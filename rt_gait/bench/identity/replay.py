"""Runs made again from takes: who would have been shown as whom, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rt_gait.bench.identity.scores import Walk, World
from rt_gait.evaluation.sequences import Ints
from rt_gait.evaluation.takes import STANDING
from rt_gait.gait.walking import quality
from rt_gait.identity.fusion import Identifier
from rt_gait.identity.matching import Templates
from rt_gait.identity.thresholds import Thresholds
from rt_gait.types import Embedding, IdentityState

COMPANY = 4
"""People in the picture at a time."""


@dataclass
class Shown:
    """What was shown of many walks."""

    seconds: float = 0.0
    """That people were in view, all together."""
    walks: int = 0
    standing: int = 0
    """Tracks of people who do not walk, enrolled or not ..."""
    standing_named: int = 0
    """... that were known as anybody at some time."""
    mated: int = 0
    """Walks of enrolled people ..."""
    named: int = 0
    """... that were known by their name at the end."""
    strangers: int = 0
    strangers_named: int = 0
    """Walks of strangers who were known as somebody at some time."""
    wrong: int = 0
    """Times that a wrong name came up as known."""
    changes: int = 0
    """Times that the name shown, or whether one is, changed after it first came up."""
    doubles: int = 0
    """Frames in which two people had one name."""
    waits_secs: list[float] = field(default_factory=list)
    """From the first detection to the right name, of those who got it."""


def enrolled(world: World, chosen: Ints) -> Templates:
    """Return the templates of some people."""
    picked = np.isin(world.templates.owners, chosen)
    ids = [world.templates.subject_ids[i] for i in sorted(chosen)]
    owners = np.searchsorted(np.sort(chosen), world.templates.owners[picked])
    return Templates(tuple(ids), owners, world.templates.vectors[picked])


def replay(
    shown: Shown,
    walks: Sequence[Walk],
    templates: Templates,
    thresholds: Thresholds,
    *,
    least_swing: float,
    together: bool = True,
    weighted: bool = True,
) -> None:
    """Show walks together, as if before one camera, and note what came of it.

    Args:
        shown: added to.
        walks: at a time.
        templates: the gallery.
        thresholds: of the run.
        least_swing: of the legs, for a window to count.
        together: one subject once in a frame; else every walk is judged by itself.
        weighted: whether the quality of windows counts.
    """
    identifier = Identifier(templates, thresholds)
    tracks = range(1, len(walks) + 1)
    seen: dict[int, str | None] = dict.fromkeys(tracks)
    right: dict[int, float] = {}
    wrong: set[int] = set()
    for now in sorted({float(t) for w in walks for t in w.take.seen_secs}):
        present = [i for i in tracks if now in walks[i - 1].take.seen_secs]
        due = [
            Embedding(i, end, vector, quality(swing) if weighted else 1.0)
            for i, walk in ((i, walks[i - 1]) for i in present)
            for end, vector, swing in zip(
                walk.take.ends_secs.tolist(),
                walk.take.vectors,
                walk.swings.tolist(),
                strict=True,
            )
            if swing >= least_swing and _before(walk, now) < end <= now + 1e-6
        ]
        identifier.add(due)
        groups = [present] if together else [[i] for i in present]
        names: list[str] = []
        for group in groups:
            for i, identity in identifier.decide(group).items():
                known = identity.state is IdentityState.KNOWN
                name = identity.subject_id if known else None
                own = str(walks[i - 1].take.subject)
                names += [name] if name else []
                if name != seen[i] and name and name != own:
                    shown.wrong += 1
                    wrong.add(i)
                if name != seen[i] and (seen[i] is not None):
                    shown.changes += 1
                if name == own:
                    right.setdefault(i, now - walks[i - 1].take.first_secs)
                seen[i] = name
        shown.doubles += len(names) - len(set(names))
    for i, walk in zip(tracks, walks, strict=True):
        own = str(walk.take.subject)
        mated = own in templates.subject_ids
        shown.seconds += float(walk.take.seen_secs[-1] - walk.take.first_secs)
        if walk.take.kind == STANDING:
            shown.standing += 1
            shown.standing_named += i in right or i in wrong
            continue
        shown.walks += 1
        shown.mated += mated
        shown.named += seen[i] == own
        shown.strangers += not mated
        shown.strangers_named += not mated and i in wrong
        shown.waits_secs += [right[i]] if i in right else []


def _before(walk: Walk, now: float) -> float:
    """Return the time of the frame before."""
    k = int(np.searchsorted(walk.take.seen_secs, now - 1e-9))
    return float(walk.take.seen_secs[k - 1]) + 1e-6 if k else -np.inf
