"""Running ``rt-gait`` as a user does: as a program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SAMPLES = Path(__file__).parents[2] / "samples"


def rt_gait(
    *arguments: str | Path, cwd: Path | None = None, one_cpu: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run the command line and return what it said."""
    program = "import os; os.sched_setaffinity(0, {0}); " if one_cpu else ""
    program += "from rt_gait.__main__ import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "100"},
        timeout=300,
        check=False,
    )
