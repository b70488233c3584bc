"""The frame rate that MOTChallenge states beside a sequence's files of boxes."""

from __future__ import annotations

import configparser
from pathlib import Path

from rt_gait.errors import UsageError
from rt_gait.video.limits import MAX_FRAME_RATE


def stated_rate(boxes: Path) -> float | None:
    """Return the frame rate of a ``seqinfo.ini`` beside the file or its folder, if there is one.

    Raises:
        UsageError: the file is damaged, or its rate makes no sense.
    """
    folder = boxes.resolve().parent
    for path in (folder / "seqinfo.ini", folder.parent / "seqinfo.ini"):
        info = configparser.ConfigParser()
        try:
            info.read(path, encoding="utf-8")
            rate = info.getfloat("Sequence", "frameRate")
            if 0 < rate <= MAX_FRAME_RATE:
                return rate
            raise ValueError(f"got {rate}")
        except (configparser.NoSectionError, configparser.NoOptionError):
            continue
        except (configparser.Error, ValueError) as error:
            raise UsageError(f"expected a frameRate in {path}; say --fps ({error})") from error
    return None
