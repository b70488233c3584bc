"""From an address, an archive or a folder to a model of the repository, whole or not at all."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from rt_gait.errors import ModelError, OutputError, UsageError
from rt_gait.redaction import host_of
from rt_gait.serving.description import describe, write_config
from rt_gait.serving.model_config import parse_model_config
from rt_gait.serving.repository import (
    CONFIG_BYTES_MAX,
    NAME,
    ONNX,
    ModelInfo,
    info_of,
    load_info,
    sha256,
)
from rt_gait.serving.swap import check_replaceable, put_in_place, staging_place

from .archive import NETWORK, README, ModelFiles, read_model
from .download import BYTES_MAX, download, is_url

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True)
class Fetched:
    """What came."""

    info: ModelInfo
    sha256: str | None
    """Of the archive, hexadecimal; None for a folder."""


def fetch_model(
    source: str,
    models_dir: Path,
    check: Callable[[ModelInfo], None],
    *,
    sha256_wanted: str | None = None,
    name: str | None = None,
    overwrite: bool = False,
) -> Fetched:
    """Bring one model into a repository.

    Its configuration is written anew from what rt-gait reads of it, so that nothing else of a
    foreign file (libraries to load, other backends) reaches a server.

    Args:
        source: An https address or a path of an archive, or a folder.
        models_dir: The repository.
        check: Raises :class:`ModelError` for a model that is no good.
        sha256_wanted: What the archive must have, hexadecimal.
        name: What the model is to be called; by default what its configuration says.
        overwrite: Replace a model of that name.

    Raises:
        UsageError: the source, the hash or the name is none.
        ModelError: the source does not answer, or what comes is not what it should be.
        OutputError: the model exists, or cannot be written.
    """
    if sha256_wanted is not None and not _SHA256.fullmatch(sha256_wanted):
        raise UsageError("--sha256 has 64 hexadecimal digits")
    if name is not None:
        _check_place(models_dir, name, overwrite=overwrite)
    try:
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=staging_place(models_dir)) as made:
            staging = Path(made)
            archive, digest = _bring(source, staging / "archive", sha256_wanted)
            files = read_model(archive)
            config = _parsed(files.config)
            called = name or config.name
            _check_place(models_dir, called, overwrite=overwrite)
            info = _described(config, models_dir / called)
            about = f"{_comment(files.config)}Fetched from {_origin(source)}; its terms apply."
            _write(files, info, about, staging)
            check(load_info(staging, called))
            put_in_place(staging / called, models_dir / called)
    except OSError as error:
        raise OutputError(
            f"cannot write the model ({error.strerror}); --models names another folder: "
            f"{models_dir}"
        ) from error
    return Fetched(load_info(models_dir, called), digest)


def _bring(source: str, target: Path, wanted: str | None) -> tuple[Path, str | None]:
    """Return where the archive or folder is, and the archive's SHA-256."""
    if is_url(source):
        archive, digest = target, download(source, target, pinned=wanted is not None)
    else:
        archive = Path(source).expanduser()
        if archive.is_dir():
            if wanted is not None:
                raise UsageError("--sha256 is that of an archive, and this is a folder")
            return archive, None
        if not archive.is_file():
            raise UsageError(f"there is no such file or folder: {archive}")
        if archive.stat().st_size > BYTES_MAX:
            raise ModelError(f"expected {BYTES_MAX // 10**6} MB at most: {archive}")
        digest = sha256(archive)
    if wanted is not None and digest != wanted.lower():
        raise ModelError(f"expected an archive of SHA-256 {wanted.lower()}, this has {digest}")
    return archive, digest


def _parsed(text: bytes) -> Any:
    if len(text) > CONFIG_BYTES_MAX:
        raise ModelError(f"config.pbtxt has more than {CONFIG_BYTES_MAX} bytes")
    try:
        return parse_model_config(text.decode())
    except ValueError as error:  # of the parser, or of text that is not UTF-8
        raise ModelError(f"config.pbtxt is not a Triton file: {error}") from error


def _check_place(models_dir: Path, name: str, *, overwrite: bool) -> None:
    if not NAME.fullmatch(name):
        raise UsageError(
            f"a model's name is up to 128 letters, digits, '.', '_' and '-', and starts with "
            f"none of the last two, not {name[:100]!r}; give one with --name"
        )
    check_replaceable(models_dir / name, overwrite=overwrite)


def _described(config: Any, folder: Path) -> ModelInfo:
    info = info_of(config, folder)
    if (config.platform, config.backend) not in (
        (ONNX, ""),
        (ONNX, "onnxruntime"),
        ("", "onnxruntime"),
    ):
        raise ModelError(
            f"expected platform {ONNX} in config.pbtxt, not {config.platform!r} (backend "
            f"{config.backend!r})"
        )
    if info.max_batch_size < 1:
        raise ModelError(f"expected a max_batch_size of 1 or more, not {info.max_batch_size}")
    if "frame_model" in info.parameters:
        raise ModelError(
            f"model {info.name!r} is the last part of two, and needs "
            f"{info.parameters['frame_model']!r}: copy both into the models folder"
        )
    return replace(info, platform=ONNX, parameters=dict(sorted(info.parameters.items())))


def _comment(config: bytes) -> str:
    """Return the comment at the top, where makers say what it is and who may use it."""
    lines = takewhile(lambda line: line.startswith("#"), config.decode().splitlines())
    return "".join(f"{line.lstrip('# ')}\n" for line in lines)


def _origin(source: str) -> str:
    return host_of(source) if is_url(source) else Path(source).name


def _write(files: ModelFiles, info: ModelInfo, about: str, models_dir: Path) -> None:
    try:
        description = describe(info, about)
    except ValueError as error:
        raise ModelError(f"config.pbtxt cannot be: {error}") from error
    folder = write_config(models_dir, description).parent
    network = folder / NETWORK
    network.parent.mkdir()
    network.write_bytes(files.network)
    if files.readme is not None:
        (folder / README).write_bytes(files.readme)
