"""What every test may use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rt_gait.serving.server.process import TritonServer
    from rt_gait.serving.triton import TritonClient

sys.path.insert(0, str(Path(__file__).parent))

from figures import Figures

_FIGURES = Figures()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--figures", type=Path, help="write the table of measured figures to a file")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured beside its target."""
    if not _FIGURES.rows:
        return
    lines = _FIGURES.table()
    terminalreporter.write_sep("=", "figures")
    terminalreporter.write_line("\n".join(lines))
    if path := terminalreporter.config.getoption("--figures"):
        path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def figures() -> Figures:
    """Where tests note what they measure; the table is printed at the end of the session."""
    return _FIGURES


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real videos with ground truth; tests that need it are skipped without it."""
    folder = os.environ.get("RT_GAIT_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("RT_GAIT_DATA does not name the folder of real videos")
    return Path(folder)


@pytest.fixture(scope="session")
def triton_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model repository of the session's Triton server."""
    import stand_ins
    from triton_server import copy_models

    folder = tmp_path_factory.mktemp("triton") / "models"
    copy_models(folder, ["gei", "gait3d", "stream2d", "stream2d_frame", "person_seg"])
    stand_ins.write_whole(folder)
    stand_ins.write_stream(folder)
    return folder


@pytest.fixture(scope="session")
def triton(triton_models: Path) -> Iterator[TritonServer]:
    """A real Triton server over ``triton_models``, shared by all tests that leave it as it is."""
    from triton_server import new_server

    with new_server(triton_models) as server:
        yield server


@pytest.fixture(scope="session")
def triton_client(triton: TritonServer) -> Iterator[TritonClient]:
    """A connection to the session's server."""
    from triton_server import connect

    client = connect(triton)
    yield client
    client.close()
