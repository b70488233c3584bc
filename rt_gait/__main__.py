"""``rt-gait`` and ``python -m rt_gait``: run the command line, end with its exit code."""

from __future__ import annotations

import sys
from traceback import format_exception
from types import TracebackType

from rt_gait.errors import ExitCode, RtGaitError
from rt_gait.redaction import hide_secrets


def main() -> None:
    """Run the command line; what a user can cause or mend ends in one line on standard error."""
    sys.excepthook = _tell_crash
    try:
        from rt_gait.cli.app import app

        app()
    except RtGaitError as error:
        _fail(str(error), error.exit_code)
    except ImportError as error:
        if "libGL" not in str(error) and "libgthread" not in str(error):
            raise
        _fail(
            f"OpenCV needs a system library that is missing ({error}); on Debian and Ubuntu: "
            "apt install libgl1 libglib2.0-0",
            ExitCode.INTERNAL,
        )


def _tell_crash(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    sys.stderr.write(hide_secrets("".join(format_exception(kind, error, trace))))


def _fail(message: str, code: ExitCode) -> None:
    line = hide_secrets(" ".join(message.split()))
    sys.stderr.write(f"error: {line}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
