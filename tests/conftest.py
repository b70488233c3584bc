"""What every test may use."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real videos with ground truth; tests that need it are skipped without it."""
    folder = os.environ.get("RT_GAIT_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("RT_GAIT_DATA does not name the folder of real videos")
    return Path(folder)
