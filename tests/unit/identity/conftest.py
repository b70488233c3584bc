from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from rt_gait.identity.gallery import Gallery
from rt_gait.identity.records import TemplateKey
from rt_gait.types import FloatArray


@pytest.fixture
def key() -> TemplateKey:
    return TemplateKey("gei@1a2b3c4d", "person_seg@9f8e7d6c")


@pytest.fixture
def gallery_path(tmp_path: Path) -> Path:
    return tmp_path / "gallery.db"


@pytest.fixture
def gallery(gallery_path: Path) -> Iterator[Gallery]:
    with Gallery.create_or_open(gallery_path) as opened:
        yield opened


@pytest.fixture
def some_vectors() -> Callable[..., FloatArray]:
    """Return a maker of [count, size] vectors, other ones for another seed."""

    def make(count: int, size: int = 16, seed: int = 0) -> FloatArray:
        rng = np.random.default_rng(seed)
        return rng.standard_normal((count, size)).astype(np.float32)

    return make
