"""Data sets in OpenGait's layout: ``root/<id>/<type>/<view>/*.pkl``, or ``.npz``, or ``.npy``.

Each file is a sequence: [T, 64, 64] or [T, 64, 44] uint8, of the 64 columns the middle 44 are used
(Fan et al., CVPR 2023, as GaitSet began). A ``track_<id>.npz`` of ``--dump-silhouettes`` brings its
own times.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from rt_gait.errors import DamagedInputError, SourceOpenError, UsageError
from rt_gait.gait.silhouette import HEIGHT_PX, WIDTH_PX
from rt_gait.outputs.silhouettes import read_dump

from .pickled import read_pickled_array
from .sequences import GaitSequence, SequenceInfo

_CUT_PX = 10
"""Columns that OpenGait drops at each side of a picture 64 wide."""
T = TypeVar("T")

_DEGREES = re.compile(r"\d{1,3}(\.\d+)?")


@dataclass(frozen=True)
class SequenceFile:
    """A sequence that has not been read yet."""

    about: SequenceInfo
    """The folder of the type is the session; labels are ``type`` and ``view``."""
    path: Path


@dataclass(frozen=True)
class Partition:
    """Who is tested, and with what; a JSON file of OpenGait's ``datasets/``."""

    test: frozenset[str]
    """Subjects."""
    probes: frozenset[str] = frozenset()
    """Sequences as ``id-type-view``; Gait3D has such a list."""

    @staticmethod
    def read(path: Path) -> Partition:
        """Read ``TEST_SET`` and, where there is one, ``PROBE_SET``.

        Raises:
            UsageError: it cannot be read, or is no such file.
        """
        try:
            found = json.loads(path.read_text())
            test, probes = found["TEST_SET"], found.get("PROBE_SET", [])
            if not all(isinstance(n, str) for names in (test, probes) for n in names):
                raise TypeError
        except OSError as error:
            raise UsageError(f"cannot read the partition ({error.strerror}): {path}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"expected JSON with a list of subjects in TEST_SET, not this file: {path}"
            ) from error
        return Partition(frozenset(test), frozenset(probes))


def list_files(root: Path) -> list[SequenceFile]:
    """Return the sequences below ``root``, by subject, type and view.

    Raises:
        SourceOpenError: there is no such folder.
        UsageError: nothing in it is laid out so.
    """
    if not root.is_dir():
        raise SourceOpenError(f"there is no such folder: {root}")
    paths = [p for p in root.glob("*/*/*/*") if p.suffix in _READERS and p.is_file()]
    if not paths:
        raise UsageError(f"expected files such as <id>/<type>/<view>/000.pkl in {root}, found none")
    return [SequenceFile(_about(p), p) for p in sorted(paths)]


def _about(path: Path) -> SequenceInfo:
    subject, kind, view = path.parts[-4:-1]
    degrees = float(view) if _DEGREES.fullmatch(view) else None
    return SequenceInfo(subject, kind, degrees, {"type": kind, "view": view})


def read_files(files: Iterable[SequenceFile], fps: float) -> Iterator[GaitSequence]:
    """Read sequences one after another.

    Args:
        files: what to read.
        fps: frames a second of files without times.

    Raises:
        SourceOpenError: a file cannot be read.
        DamagedInputError: a file holds something else; names it.
    """
    for file in files:
        if file.path.suffix == ".npz" and _has_times(file.path):
            dump = read_dump(file.path)
            pixels = [s.pixels for s in dump]
            yield GaitSequence(
                file.about,
                np.stack(pixels) if pixels else np.zeros((0, HEIGHT_PX, WIDTH_PX), np.uint8),
                np.array([s.time_secs for s in dump], np.float64),
                np.array([s.frame_index for s in dump], np.int64),
            )
        else:
            found = _READERS[file.path.suffix](file.path)
            yield GaitSequence.at_fps(file.about, _silhouettes(found, file.path), fps)


def _silhouettes(found: npt.NDArray[Any], path: Path) -> npt.NDArray[np.uint8]:
    fits = found.ndim == 3 and found.shape[1:] in ((HEIGHT_PX, WIDTH_PX), (HEIGHT_PX, HEIGHT_PX))
    if not fits or found.dtype != np.uint8:
        raise DamagedInputError(
            f"expected silhouettes [T, 64, 64] or [T, 64, 44] uint8, found {list(found.shape)} "
            f"{found.dtype}: {path}"
        )
    return found[:, :, _CUT_PX:-_CUT_PX] if found.shape[2] == HEIGHT_PX else found


def _has_times(path: Path) -> bool:
    return _looked(path, lambda data: "time_secs" in data.files)


def _read_npz(path: Path) -> npt.NDArray[Any]:
    def look(data: Any) -> npt.NDArray[Any]:
        if len(data.files) != 1 and "silhouettes" not in data.files:
            raise ValueError(f"{len(data.files)} arrays, none called silhouettes")
        return np.asarray(data[data.files[0] if len(data.files) == 1 else "silhouettes"])

    return _looked(path, look)


def _read_npy(path: Path) -> npt.NDArray[Any]:
    return _looked(path, np.asarray)


def _looked(path: Path, look: Callable[[Any], T]) -> T:
    """Return what ``look`` makes of what ``numpy.load`` gives; objects are never unpickled."""
    try:
        with path.open("rb") as file:
            return look(np.load(file, allow_pickle=False))
    except (ValueError, KeyError, EOFError, BadZipFile, AttributeError) as error:
        raise DamagedInputError(
            f"expected numpy arrays of silhouettes ({error}): {path}"
        ) from error
    except OSError as error:
        raise SourceOpenError(f"cannot read the file ({error}): {path}") from error


_READERS: dict[str, Callable[[Path], npt.NDArray[Any]]] = {
    ".pkl": read_pickled_array,
    ".npz": _read_npz,
    ".npy": _read_npy,
}
