"""Mutated input to everything that reads a file: refused in one line or read, no crash, no hang."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from rt_gait.config import load_settings
from rt_gait.errors import RtGaitError
from rt_gait.events import read_events, timeline
from rt_gait.events.spool import Spool
from rt_gait.identity.exchange import read_export
from rt_gait.identity.gallery import Gallery
from rt_gait.identity.records import TemplateKey
from rt_gait.serving.repository import load_info
from rt_gait.video.source import open_source

ROOT = Path(__file__).parents[2]
ONE_MAY_TAKE_SECS = 10.0
TOKENS = [
    b"{",
    b"}",
    b"[",
    b'"',
    b"\0",
    b"\xff",
    b"-1",
    b"1e999",
    b"NaN",
    b"null",
    b"\n",
    b"=",
    b"[" * 500,
]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return ``data`` after one to six cuts, flips, repeats, swaps or insertions."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(out) + 1)
        end = min(at + chance.choice((1, 4, 64, 4096)), len(out))
        how = chance.randrange(5)
        if how == 0:
            del out[at:end]
        elif how == 1 and at < len(out):
            out[at] ^= 1 << chance.randrange(8)
        elif how == 2:
            out[at:at] = out[at:end]
        elif how == 3:
            out[at:end] = bytes(chance.randrange(256) for _ in range(end - at))
        else:
            out[at:at] = chance.choice(TOKENS)
    return bytes(out) if chance.random() > 0.03 else bytes(out[: chance.randrange(len(out) + 1)])


def config(path: Path) -> None:
    load_settings(path)


def events(path: Path) -> None:
    with closing(read_events(path)) as reader:
        list(timeline(reader))


def spool(path: Path) -> None:
    reader = Spool(path, path.with_name("place"))
    while reader.batch():
        reader.done()
    path.with_name("place").unlink(missing_ok=True)


def place(path: Path) -> None:
    Spool(path.with_name("no log"), path).batch()


def export(path: Path) -> None:
    read_export(path)


def gallery(path: Path) -> None:
    with Gallery.open(path, read_only=True) as opened:
        if opened.key is not None:
            opened.templates(opened.key)


def pbtxt(path: Path) -> None:
    folder = path.parent / "m"
    folder.mkdir(exist_ok=True)
    (folder / "config.pbtxt").write_bytes(path.read_bytes())
    load_info(path.parent, "m")


def video(path: Path) -> None:
    with open_source(video=path, camera=None, frame_rate=None) as source:
        for _ in range(20):
            if source.read() is None:
                break


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("seeds")
    with Gallery.create_or_open(folder / "g") as made:
        rows = np.random.default_rng(0).standard_normal((3, 8))
        for name in ("anna", "ben"):
            made.enrol(name=name, vectors=rows, key=TemplateKey("a@1", "b@2"))
        made.export(folder / "x")
    log = b"".join(
        b'{"specversion":"1.0","id":"r-%d","type":"io.rt-gait.track.started.v1","source":"urn:x",'
        b'"subject":"run/r/track/1","sequence":%d,"data":{"run_id":"r","track_id":1,"frame":'
        b'{"index":3,"epoch":0,"media_time_secs":1.5,"size_wh_px":[4,4]}}}\n' % (i, i)
        for i in range(8)
    )
    return {
        "config": b'gallery = "g"\nfps = 25.0\nknown_score = 0.5\nmodel = "gait3d"\n[x]\ny = 1\n',
        "events": log,
        "spool": log,
        "place": b'{"first": "r-0", "offset": 120}',
        "export": (folder / "x").read_bytes(),
        "gallery": (folder / "g").read_bytes(),
        "pbtxt": (ROOT / "model_repository" / "gait3d" / "config.pbtxt").read_bytes(),
        "video": (ROOT / "samples" / "enrol_ben.mp4").read_bytes(),
    }


READERS: list[tuple[Callable[[Path], None], int]] = [
    (config, 60), (events, 60), (spool, 60), (place, 30), (export, 60), (gallery, 60), (pbtxt, 60),
    (video, 40), (video, 300),
]  # fmt: skip


@pytest.mark.parametrize(
    ("read", "count"),
    [
        pytest.param(
            *one, id=f"{one[0].__name__}-{one[1]}", marks=[pytest.mark.slow] if one[1] > 99 else []
        )
        for one in READERS
    ],
)
@pytest.mark.timeout(600)
def test_mutated_input_neither_crashes_nor_hangs(
    tmp_path: Path, seeds: dict[str, bytes], read: Callable[[Path], None], count: int
) -> None:
    chance, refused = random.Random(f"rt-gait {read.__name__}"), 0
    for number in range(count):
        path = tmp_path / f"input.{'mp4' if read is video else 'x'}"
        path.write_bytes(mutated(seeds[read.__name__], chance))
        started = time.monotonic()
        try:
            read(path)
        except RtGaitError as error:
            refused += 1
            assert "\n" not in str(error), number
        assert time.monotonic() - started < ONE_MAY_TAKE_SECS, number
    assert refused or read in (spool, place, video), "the mutations did no harm: nothing is shown"
