"""The main job on the sample, as a stranger would run it."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from command import SAMPLES, rt_gait
from jsonschema import Draft202012Validator

from rt_gait.events import load_schema, normalise, read_events
from rt_gait.identity.gallery import Gallery
from rt_gait.track.association import iou
from rt_gait.track.mot import read_tracks
from rt_gait.video.mp4 import Mp4Writer
from rt_gait.video.source import open_source

SECONDS = 4.0


def cut(video: Path, path: Path, *, first_secs: float) -> Path:
    """Copy ``SECONDS`` of a video."""
    writer = Mp4Writer(path)
    with open_source(video=video, camera=None) as source:
        while (frame := source.read()) is not None and frame.time_secs < first_secs + SECONDS:
            if frame.time_secs >= first_secs:
                writer.write(frame.image_bgr, frame.time_secs - first_secs)
    writer.close()
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The middle of the sample, where people cross: long enough for windows, quick to run."""
    path = tmp_path_factory.mktemp("clip") / "short.mp4"
    return cut(SAMPLES / "crossing.mp4", path, first_secs=4.0)


@pytest.fixture(scope="module")
def outputs(clip: Path) -> Path:
    folder = clip.parent
    done = rt_gait(
        "--video", clip, "--gallery", SAMPLES / "people.gallery", "--headless",
        "--events", "e.jsonl", "--mot", "t.txt", "--save", "o.mp4", "--dump-silhouettes", "s",
        cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "100 frames in" in done.stderr
    assert done.stdout == ""
    return folder


def events_of(path: Path) -> list[dict[str, Any]]:
    return list(read_events(path))


def test_every_event_validates_and_none_is_missing(outputs: Path) -> None:
    events = events_of(outputs / "e.jsonl")
    validator = Draft202012Validator(load_schema())
    for event in events:
        validator.validate(event)
    assert [e["sequence"] for e in events] == list(range(len(events)))
    kinds = Counter(e["type"].split(".")[2] + "." + e["type"].split(".")[3] for e in events)
    assert kinds["run.started"] == kinds["run.ended"] == 1
    assert kinds["track.started"] == kinds["track.ended"] > 0
    assert kinds["identity.changed"] > 0


def test_names_of_people_stay_out_of_the_log(outputs: Path) -> None:
    text = (outputs / "e.jsonl").read_text()
    listing = rt_gait("gallery", "list", "--gallery", SAMPLES / "people.gallery").stdout
    names = [line.split("\t")[0] for line in listing.splitlines()]
    assert names
    assert not [name for name in names if name in text]


def test_frames_add_up(outputs: Path) -> None:
    ended = events_of(outputs / "e.jsonl")[-1]["data"]["counters"]
    frames = ended["frames"]
    assert frames["captured"] == frames["processed"] + frames["dropped"] == 100
    assert frames["dropped"] == frames["decode_errors"] == 0


def test_tracks_silhouettes_and_video_agree(outputs: Path) -> None:
    tracks = read_tracks(outputs / "t.txt")
    events = events_of(outputs / "e.jsonl")
    seen = {e["data"]["track_id"] for e in events if ".track.started." in e["type"]}
    assert set(np.unique(tracks.ids).tolist()) == seen
    by_track = {
        e["data"]["track_id"]: e["data"]["silhouettes"]
        for e in events
        if ".track.ended." in e["type"]
    }
    for track_id, count in by_track.items():
        path = outputs / "s" / f"track_{track_id}.npz"
        assert path.exists() == bool(count)
        if count:
            with np.load(path) as data:
                assert data["silhouettes"].shape == (count, 64, 44)
    video = cv2.VideoCapture(str(outputs / "o.mp4"))
    read = 0
    while video.read()[0]:
        read += 1
    assert read == 100


@pytest.mark.parametrize("one_cpu", [False, True])
def test_a_second_run_gives_the_same_events(outputs: Path, clip: Path, one_cpu: bool) -> None:
    name = f"again{one_cpu}.jsonl"
    done = rt_gait(
        "--video", clip, "--gallery", SAMPLES / "people.gallery", "--headless",
        "--events", name, cwd=outputs, one_cpu=one_cpu,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

    told = [
        [json.dumps(e) for e in normalise(read_events(outputs / log))] for log in (name, "e.jsonl")
    ]
    assert told[0] == told[1]


def test_events_to_standard_output_are_the_only_thing_there(clip: Path, tmp_path: Path) -> None:
    done = rt_gait("--video", clip, "--events", "-", "--headless", cwd=tmp_path)
    assert done.returncode == 0
    for line in done.stdout.splitlines():
        json.loads(line)
    assert not list(tmp_path.iterdir())


def test_replay_tells_the_story(outputs: Path) -> None:
    told = rt_gait("replay", outputs / "e.jsonl")
    assert told.returncode == 0
    assert "track" in told.stdout


def test_embed_gives_unit_vectors_of_the_dumped_silhouettes(outputs: Path) -> None:
    files = sorted((outputs / "s").glob("*.npz"))
    done = rt_gait("embed", *files, "--model", "gei", "--out", "emb.npz", cwd=outputs)
    assert done.returncode == 0, done.stderr
    with np.load(outputs / "emb.npz") as data:
        vectors, index = data["embeddings"], data["file_index"]
        assert vectors.shape[1] == 2816
        assert len(vectors) == len(index) == len(data["start_secs"]) > 0
        assert list(data["files"]) == [p.name for p in files]
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    again = rt_gait("embed", *files, "--out", "emb.npz", cwd=outputs)
    assert again.returncode == 6


def test_enrol_list_rename_remove(tmp_path: Path) -> None:
    video = cut(SAMPLES / "enrol_anna.mp4", tmp_path / "anna.mp4", first_secs=2.0)
    done = rt_gait("enroll", "--subject", "Zoë", "--video", video, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert rt_gait("gallery", "list", cwd=tmp_path).stdout.startswith("Zoë\ts_")
    assert rt_gait("gallery", "rename", "Zoë", "zed", cwd=tmp_path).returncode == 0
    assert "gait3d@" in rt_gait("gallery", "show", "zed", cwd=tmp_path).stdout
    assert rt_gait("gallery", "export", "out.json", cwd=tmp_path).returncode == 0
    assert rt_gait("gallery", "remove", "zed", cwd=tmp_path).returncode == 0
    assert rt_gait("gallery", "list", cwd=tmp_path).stdout == ""
    assert rt_gait("gallery", "import", "out.json", cwd=tmp_path).returncode == 0
    assert rt_gait("gallery", "list", cwd=tmp_path).stdout.startswith("zed\ts_")


def test_enrolling_one_of_a_crowd_must_be_chosen(clip: Path, tmp_path: Path) -> None:
    done = rt_gait("enroll", "--subject", "who", "--video", clip, cwd=tmp_path)
    assert done.returncode == 2
    assert "--track" in done.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_the_sample_recognises_who_is_enrolled_and_nobody_else(tmp_path: Path) -> None:
    """What `make demo` promises, checked against who really walks there."""
    done = rt_gait(
        "--video", SAMPLES / "crossing.mp4", "--gallery", SAMPLES / "people.gallery",
        "--headless", "--events", "e.jsonl", "--mot", "t.txt", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    walkers = who_each_track_follows(tmp_path / "t.txt")
    with Gallery.open(SAMPLES / "people.gallery", read_only=True) as gallery:
        names = gallery.names()
    called = {}
    for event in events_of(tmp_path / "e.jsonl"):
        if ".track.ended." in event["type"]:
            identity = event["data"]["identity"]
            known = names[identity["subject_id"]] if identity["state"] == "known" else None
            called[event["data"]["track_id"]] = known
    right = {walkers[i] for i, name in called.items() if name and walkers[i] == name}
    wrong = {i: name for i, name in called.items() if name and walkers[i] != name}
    assert not wrong
    assert right == set(names.values())


def test_a_walk_of_somebody_known_is_proposed_and_becomes_templates(tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "people.gallery", tmp_path)
    gallery = ("--gallery", "people.gallery")
    walk = ("--video", SAMPLES / "enrol_anna.mp4", "--headless", *gallery)
    done = rt_gait(*walk, "--learn", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = rt_gait("gallery", "review", *gallery, cwd=tmp_path).stdout.splitlines()
    assert told and all("\tanna " in line and "enrol_anna.mp4" in line for line in told)
    with Gallery.open(tmp_path / "people.gallery", read_only=True) as opened:
        before = {p.name: p.templates for p in opened.subjects()}
    ids = [line.split("\t")[0] for line in told]
    done = rt_gait("gallery", "review", "--accept", ids[0], *gallery, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with Gallery.open(tmp_path / "people.gallery", read_only=True) as opened:
        after = {p.name: p.templates for p in opened.subjects()}
    assert after.pop("anna") > before.pop("anna") and after == before


def who_each_track_follows(path: Path) -> dict[int, str | None]:
    """Track id to the name of the walker it overlaps in most frames; None when not enrolled."""
    truth = json.loads((SAMPLES / "crossing_truth.json").read_text())["frames"]
    votes: dict[int, Counter[str | None]] = {}
    for line in path.read_text().splitlines():
        number, track_id, x, y, w, h = (float(part) for part in line.split(",")[:6])
        box = np.array([[x, y, x + w, y + h]], np.float32)
        there = truth[int(number) - 1]
        boxes = np.array([t["box_xyxy_px"] for t in there], np.float32).reshape(-1, 4)
        overlap = iou(box, boxes)[0]
        if overlap.size and overlap.max() > 0.5:
            name = there[int(overlap.argmax())]["name"]
            votes.setdefault(int(track_id), Counter())[name] += 1
    return {i: count.most_common(1)[0][0] for i, count in votes.items()}
