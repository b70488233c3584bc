"""What the commands share: options with ranges, errors in one line, files written whole.

@command
def main(argv: list[str] | None = None) -> int:
    parser = Parser(prog="python -m ...")
"""

from __future__ import annotations

import argparse
import functools
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, ParamSpec

from rt_gait.errors import ExitCode, OutputError, RtGaitError, UsageError
from rt_gait.outputs.output import check_folder

P = ParamSpec("P")

#: Packages that ``rt-gait[train]`` adds.
_TRAIN = ("anny", "matplotlib", "onnx", "torch", "ultralytics")


class Parser(argparse.ArgumentParser):
    """A parser whose errors are exceptions."""

    def error(self, message: str) -> NoReturn:
        """Raise ``UsageError``."""
        raise UsageError(message)


def at_least(least: int) -> Callable[[str], int]:
    """The type of an option: a whole number from ``least`` on."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(
                f"expected a whole number of {least} or more, not {text!r}"
            )
        return value

    return parse


natural, positive = at_least(0), at_least(1)


def _number(text: str, fits: Callable[[float], bool], expected: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and fits(value)):
        raise argparse.ArgumentTypeError(f"expected {expected}, not {text!r}")
    return value


def seconds(text: str) -> float:
    """The type of an option: a time above 0."""
    return _number(text, lambda v: v > 0.0, "seconds above 0")


def factor(text: str) -> float:
    """The type of an option: a number that is not negative."""
    return _number(text, lambda v: v >= 0.0, "a number of 0 or more")


def number(text: str) -> float:
    """The type of an option: any number but infinity."""
    return _number(text, lambda _: True, "a number")


def share(text: str) -> float:
    """The type of an option: a number from 0 to 1."""
    return _number(text, lambda v: 0.0 <= v <= 1.0, "a share from 0 to 1")


def device(text: str) -> str:
    """The type of an option: ``cpu``, or ``cuda`` where torch finds one."""
    known = ["cpu"]
    if text != "cpu":
        import torch

        known += ["cuda"] * torch.cuda.is_available()
    if text not in known:
        raise argparse.ArgumentTypeError(f"this machine has {' and '.join(known)}, not {text!r}")
    return text


def check_new_folder(path: Path) -> None:
    """Check that ``path`` is an empty folder or can become one. Nothing is created.

    Raises:
        OutputError: It holds something, or cannot be made or written.
    """
    check_folder(path, overwrite=True)
    if path.is_dir() and any(path.iterdir()):
        raise OutputError(f"the folder is not empty; name a new one: {path}")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to; it gets that name if all goes well, else it goes."""
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def command(main: Callable[P, int]) -> Callable[P, int]:
    """``main`` with what users can mend, and Ctrl-C, told in one line on standard error."""

    @functools.wraps(main)
    def run(*args: P.args, **kwargs: P.kwargs) -> int:
        try:
            return main(*args, **kwargs)
        except KeyboardInterrupt:
            return _fail("interrupted", ExitCode.INTERRUPTED)
        except RtGaitError as error:
            return _fail(str(error), error.exit_code)
        except OSError as error:
            said = f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")
            return _fail(said, ExitCode.OUTPUT)
        except ImportError as error:
            name = (error.name or "").split(".")[0]
            if name not in _TRAIN:
                raise
            return _fail(f"{name} is not installed: pip install 'rt-gait[train]'", ExitCode.USAGE)

    return run


def _fail(message: str, code: ExitCode) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return int(code)
