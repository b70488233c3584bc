"""How a network is trained: one TOML file each, beside this module."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rt_gait.errors import UsageError

from .gait2d import Gait2d
from .gait3d import Gait3d

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NETWORKS: dict[str, type[Gait2d] | type[Gait3d]] = {"gait2d": Gait2d, "gait3d": Gait3d}
FOLDER = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class Recipe:
    """What to train and how; without ``widths`` the network's own.

    A batch holds ``people`` subjects, ``each`` sequences of everyone, ``steps`` frames of every
    sequence (one of the numbers, drawn for each batch), each ``pace`` steps of 1/25 s after the
    last (drawn for each window between the two). The learning ``rate`` rises over ``warmup``
    iterations and falls as a cosine to nothing at ``iterations``. ``pruned`` is the share of its
    filters that the network has lost.
    """

    network: str
    widths: tuple[int, ...] = ()
    people: int = 32
    each: int = 8
    steps: tuple[int, ...] = (16,)
    pace: tuple[float, float] = (0.9, 1.1)
    iterations: int = 6000
    warmup: int = 300
    rate: float = 1e-2
    decay: float = 0.02
    seed: int = 1
    pruned: float = 0.0

    def __post_init__(self) -> None:
        """Check the values; UsageError names what is wrong."""
        if self.network not in NETWORKS:
            raise UsageError(f"network: expected {' or '.join(NETWORKS)}, not {self.network!r}")
        full = NETWORKS[self.network].full_widths
        if not self.widths:
            object.__setattr__(self, "widths", full)
        if len(self.widths) != len(full) or min(self.widths) < 1:
            raise UsageError(f"widths: {self.network} expects {len(full)} numbers of filters")
        if min(self.people, self.each) < 2 or not self.steps or min(self.steps) < 2:
            raise UsageError("people, each and steps: expected 2 or more")
        if any(s % 2 for s in self.steps):
            raise UsageError("steps: expected even numbers")
        if len(self.pace) != 2 or not 0.0 < self.pace[0] <= self.pace[1]:
            raise UsageError("pace: expected two numbers above 0, the larger last")

    @staticmethod
    def of(values: Mapping[str, Any]) -> Recipe:
        """A recipe of what a file or a checkpoint says."""
        known = {f.name for f in fields(Recipe)}
        unknown = sorted(set(values) - known)
        if unknown or "network" not in values:
            raise UsageError(
                f"recipe: {'unknown ' + ', '.join(unknown) if unknown else 'network is missing'}; "
                f"it may hold {', '.join(sorted(known))}"
            )
        lists = {k: tuple(v) for k, v in values.items() if isinstance(v, list)}
        return Recipe(**{**values, **lists})

    @staticmethod
    def read(name: str) -> Recipe:
        """The recipe of a network, or of a file ending in ``.toml``."""
        path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in FOLDER.glob("*.toml")))
            raise UsageError(f"no recipe {name!r}: name a .toml file or one of {known}")
        try:
            return Recipe.of(tomllib.loads(path.read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"the recipe is not TOML ({error}): {path}") from error

    def build(self) -> Gait2d | Gait3d:
        """The untrained network, the same at every call."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return NETWORKS[self.network](self.widths)

    def written(self) -> dict[str, Any]:
        """As plain values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
