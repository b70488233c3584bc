"""The files of one model in an archive or a folder, read without unpacking it.

Names in an archive are compared with those of a model and become nothing else. What is not a
model's is left; what has no business beside one refuses the whole.
"""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from rt_gait.errors import ModelError, UsageError

from .download import BYTES_MAX

CONFIG, NETWORK, README = "config.pbtxt", "1/model.onnx", "README.md"
_FOREIGN = {
    "model.plan": "a TensorRT plan runs only where it was built: fetch the ONNX model, and make "
    "one with rt-gait models build",
    "model.py": "it is code that a server would run, and models are fetched without code",
}
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # a compression that zipfile does not know
    RuntimeError,  # an encrypted member
    ValueError,
)


@dataclass(frozen=True)
class ModelFiles:
    """What is taken of a model."""

    config: bytes
    network: bytes
    readme: bytes | None


@dataclass(frozen=True)
class _Member:
    name: str
    is_plain: bool
    """Neither link nor device."""
    read: Callable[[int], bytes]
    """So many bytes at most."""


def read_model(source: Path) -> ModelFiles:
    """Read the model in a ``.tar.gz``, a ``.zip`` or a folder.

    Its files lie at the top, or all in one folder.

    Raises:
        UsageError: there is no such file or folder, or it is of another kind.
        ModelError: it is damaged or too large, holds no model or several, or what a model may not
            hold: links, paths that lead out of it, plans, code.
    """
    try:
        return _pick(_members(source))
    except _DAMAGE as error:
        raise ModelError(f"the archive is damaged ({error}): {source.name}") from error
    except OSError as error:
        if error.filename is None:  # gzip: a false checksum, no gzip at all
            raise ModelError(f"the archive is damaged ({error}): {source.name}") from error
        raise UsageError(f"cannot read it ({error.strerror}): {error.filename}") from error


def _members(source: Path) -> Iterator[_Member]:
    if source.is_dir():
        return _of_folder(source)
    with source.open("rb") as file:
        magic = file.read(2)
    if magic == b"\x1f\x8b":
        return _of_tar(source)
    if magic == b"PK":
        return _of_zip(source)
    raise UsageError(f"expected a model's folder, .tar.gz or .zip: {source.name}")


def _of_folder(folder: Path) -> Iterator[_Member]:
    for path in sorted([*folder.glob("*"), *folder.glob("[0-9]*/*")]):
        if path.is_symlink() or not path.is_dir():
            is_plain = path.is_file() and not path.is_symlink()
            name = path.relative_to(folder).as_posix()
            yield _Member(name, is_plain, partial(_read, partial(io.FileIO, path)))


def _of_tar(path: Path) -> Iterator[_Member]:
    with gzip.open(path) as unpacked:
        stream: Any = _Limited(unpacked)
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                if not member.isdir():
                    opened = partial(tar.extractfile, member)
                    yield _Member(member.name, member.isreg(), partial(_read, opened))


def _of_zip(path: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                is_plain = stat.S_IFMT(member.external_attr >> 16) in (0, stat.S_IFREG)
                opened = partial(archive.open, member)
                yield _Member(member.filename, is_plain, partial(_read, opened))


def _read(opened: Callable[[], Any], count: int) -> bytes:
    with opened() or io.BytesIO() as file:
        return bytes(file.read(count))


class _Limited:
    """An unpacked stream that ends with an error where it is too long."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream, self._left = stream, BYTES_MAX

    def read(self, count: int) -> bytes:
        """Return the next bytes, ``count`` at most."""
        part = self._stream.read(count)
        self._left -= len(part)
        if self._left < 0:
            raise _too_large()
        return part


def _pick(members: Iterable[_Member]) -> ModelFiles:
    found: dict[PurePosixPath, bytes] = {}
    left = BYTES_MAX
    for member in members:
        path = _checked(member)
        if _is_of_a_model(path):
            if path in found:
                raise ModelError(f"it holds {path} twice")
            found[path] = member.read(left + 1)
            left -= len(found[path])
            if left < 0:
                raise _too_large()
    tops = [path.parent for path in found if path.name == CONFIG]
    if len(tops) != 1:
        raise ModelError(f"expected one {CONFIG}, at the top or in a folder; found {len(tops)}")
    (top,) = tops
    if top / NETWORK not in found:
        raise ModelError(f"there is no {NETWORK} beside {CONFIG}")
    return ModelFiles(found[top / CONFIG], found[top / NETWORK], found.get(top / README))


def _checked(member: _Member) -> PurePosixPath:
    """Return the path of a member that may be in a model's archive, wherever it is not taken."""
    path = PurePosixPath(member.name)
    shown = member.name[:100]
    if path.is_absolute() or ".." in path.parts or "\\" in member.name:
        raise ModelError(f"refused: a path in it leads elsewhere: {shown!r}")
    if not member.is_plain:
        raise ModelError(f"refused: it holds a link or a device: {shown!r}")
    if path.name in _FOREIGN:
        raise ModelError(f"refused: it holds {path.name}; {_FOREIGN[path.name]}")
    depth = len(path.parts)
    if depth <= 3 and path.parent.name.isdigit() and not path.match(NETWORK):
        raise ModelError(f"refused: expected {NETWORK} alone among versions, found {shown!r}")
    return path


def _is_of_a_model(path: PurePosixPath) -> bool:
    return any(
        path.match(name) and len(path.parts) - len(PurePosixPath(name).parts) in (0, 1)
        for name in (CONFIG, NETWORK, README)
    )


def _too_large() -> ModelError:
    return ModelError(f"refused: unpacked it has more than {BYTES_MAX // 10**6} MB")
