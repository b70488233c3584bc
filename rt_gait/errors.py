"""One exception tree. Every leaf knows the exit code the command line ends with.

RtGaitError
├── UsageError            2   a flag, a setting or a request that cannot be met
│   ├── GalleryError      2   a gallery that is damaged or belongs to another model
│   └── MeterError        2   an energy meter that is not there or does not answer
├── SourceOpenError       3   the video or camera cannot be opened
├── ModelError            4   a model or a server is missing, or is not what it should be
│   └── ServerError       4   a server does not answer, or not in time; it may later
├── SourceLostError       5   a live source is gone for good
├── OutputError           6   an output cannot be written
└── DamagedInputError     7   the input is broken part of the way; what came before it counts

A message says what was expected, what came and what to do, in one line.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of ``rt-gait``."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    SOURCE_OPEN = 3
    MODEL = 4
    SOURCE_LOST = 5
    OUTPUT = 6
    DAMAGED_INPUT = 7
    INTERRUPTED = 130


def why(error: object) -> str:
    """Return what an error of the system or a library says, or what it is if it says nothing."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


class RtGaitError(Exception):
    """Base of every error a user can cause or meet."""

    exit_code = ExitCode.INTERNAL


class UsageError(RtGaitError):
    """A flag, a setting or a request that cannot be met."""

    exit_code = ExitCode.USAGE


class GalleryError(UsageError):
    """A gallery that cannot be read or belongs to another model."""


class MeterError(UsageError):
    """An energy meter that is not there, may not be read, or stopped answering."""


class SourceOpenError(RtGaitError):
    """The video, folder or camera cannot be opened."""

    exit_code = ExitCode.SOURCE_OPEN


class ModelError(RtGaitError):
    """A model is missing, broken, or not what its config says."""

    exit_code = ExitCode.MODEL


class ServerError(ModelError):
    """A server does not answer, or not in time; it may later.

    Args:
        message: What happened.
        slow: The time ran out; otherwise there was a refusal, or nobody there.
    """

    def __init__(self, message: str, *, slow: bool = False) -> None:
        super().__init__(message)
        self.slow = slow


class SourceLostError(RtGaitError):
    """A live source stopped giving frames for good."""

    exit_code = ExitCode.SOURCE_LOST


class OutputError(RtGaitError):
    """An output cannot be written."""

    exit_code = ExitCode.OUTPUT


class DamagedInputError(RtGaitError):
    """The input is broken part of the way; results up to there are kept."""

    exit_code = ExitCode.DAMAGED_INPUT


class StopRequested(Exception):
    """A long wait was cut short because the run is to end; it never reaches the user."""
