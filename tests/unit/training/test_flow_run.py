"""An untrained flow network in a real run: it works, says what it is, and names nobody."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

from e2e.command import SAMPLES, rt_gait

from rt_gait.assembly import Assembled, assemble
from rt_gait.config import Settings, load_settings
from rt_gait.errors import ModelError, UsageError
from rt_gait.gait.embedder import gait_model_info
from rt_gait.gait.flow import SIDE_PX
from rt_gait.identity.gallery import Gallery
from rt_gait.serving.repository import default_models_dir
from rt_gait.training.nets.flow import export_untrained
from rt_gait.types import FrameResult, IdentityState
from rt_gait.video.source import open_source

CLIP = SAMPLES / "enrol_anna.mp4"
FRAMES = 65
"""Two windows of the walker: 0.96 s and a third of it, after the track is confirmed."""
GIVEN = {"known_score": 0.5, "candidate_score": 0.4, "margin": 0.0}


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    export_untrained("flow2d", folder)
    for name in ("person_seg", "gei"):
        (folder / name).symlink_to(default_models_dir() / name)
    return folder


def step_through(settings: Settings) -> list[FrameResult]:
    pipeline = assemble(settings).pipeline
    with open_source(video=CLIP, camera=None, frame_rate=None) as source:
        return [pipeline.step(f) for f in islice(iter(source.read, None), FRAMES)]


@pytest.fixture(scope="module")
def results(models_dir: Path) -> list[FrameResult]:
    return step_through(load_settings(model="flow2d", models_dir=models_dir))


def test_flow_windows_of_a_real_video_are_embedded(results: list[FrameResult]) -> None:
    embeddings = [e for r in results for e in r.embeddings]
    assert embeddings
    for embedding in embeddings:
        assert embedding.vector.shape == (1024,)
        assert np.linalg.norm(embedding.vector) == pytest.approx(1, abs=1e-5)
    assert len(np.unique([e.vector[:8] for e in embeddings], axis=0)) == len(embeddings)


def test_silhouettes_are_made_as_ever_and_the_flow_of_a_walker_is_a_walkers(
    models_dir: Path, results: list[FrameResult]
) -> None:
    from rt_gait.gait.flow import FlowEncoder

    encoder = FlowEncoder()
    fields = [f.pixels for r in results for f in encoder.encode(r.frame, r.silhouettes)]
    assert len(fields) >= sum(len(r.silhouettes) for r in results) - 5
    speed = np.linalg.norm(np.stack(fields).astype(float), axis=-1)
    trunk = np.median(speed[:, 20:30, SIDE_PX // 2 - 2 : SIDE_PX // 2 + 3])
    corners = np.median(speed[:, :6, :6])
    assert 0.3 < trunk < 2  # people walk at about 0.8 of their height a second
    assert corners < 0.05


def test_without_thresholds_of_the_user_nobody_is_named(
    models_dir: Path, results: list[FrameResult], tmp_path: Path
) -> None:
    asked = {"model": "flow2d", "models_dir": models_dir, "gallery": tmp_path / "g"}
    key = assemble(load_settings(model="flow2d", models_dir=models_dir)).key
    seen = [e for r in results for e in r.embeddings]
    with Gallery.create_or_open(tmp_path / "g") as gallery:
        gallery.enrol(
            name="anna", vectors=np.stack([e.vector for e in seen]), key=key, source="clip"
        )

    def claim(assembled: Assembled) -> IdentityState:
        identifier = assembled.pipeline._lanes[0]._identifier
        identifier.add(seen)
        return identifier.decide([seen[0].track_id])[seen[0].track_id].state

    silent, compared = assemble(load_settings(**asked)), assemble(load_settings(**asked, **GIVEN))
    assert "nobody is compared" in str(silent.warning)
    assert "names it gives mean nothing" in str(compared.warning)
    assert claim(silent) is IdentityState.UNKNOWN
    assert claim(compared) is IdentityState.KNOWN


def test_the_command_line_says_so_and_a_trained_model_says_nothing(
    models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RT_GAIT_MODELS_DIR", str(models_dir))
    short = tmp_path / "pictures"
    short.mkdir()
    (short / "1.png").write_bytes(_picture())
    events = tmp_path / "events.jsonl"
    run = ("--video", short, "--headless")
    told = rt_gait(*run, "--model", "flow2d", "--events", events)
    assert told.returncode == 0, told.stderr
    assert "warning: gait model 'flow2d' is untrained" in told.stderr
    assert json.loads(events.read_text().splitlines()[0])["data"]["model"]["name"] == "flow2d"
    assert "warning" not in rt_gait(*run, "--model", "gei").stderr


def _picture() -> bytes:
    import cv2

    ok, data = cv2.imencode(".png", np.full((120, 160, 3), 90, np.uint8))
    assert ok
    return data.tobytes()


def test_an_untrained_default_is_refused(models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Settings.model_fields["model"], "default", "flow2d")
    Settings.model_rebuild(force=True)
    try:
        with pytest.raises(UsageError, match=r"default gait model 'flow2d' is untrained.*--model"):
            assemble(Settings(models_dir=models_dir))
    finally:
        monkeypatch.undo()
        Settings.model_rebuild(force=True)


def test_the_default_model_of_the_repository_is_trained() -> None:
    settings = Settings()
    info = gait_model_info(settings.models_dir, settings.model)
    assert "untrained" not in info.parameters


def test_a_trained_model_still_needs_its_thresholds(models_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "flow2d" / "1").mkdir(parents=True)
    (tmp_path / "flow2d" / "1" / "model.onnx").touch()
    text = (models_dir / "flow2d" / "config.pbtxt").read_text()
    lines = [line for line in text.splitlines() if '"untrained"' not in line]
    (tmp_path / "flow2d" / "config.pbtxt").write_text("\n".join(lines))
    with pytest.raises(ModelError, match="no parameter 'known_score'"):
        assemble(load_settings(model="flow2d", models_dir=tmp_path))


def test_silhouettes_of_a_dump_are_no_food_for_it(models_dir: Path) -> None:
    with pytest.raises(UsageError, match=r"takes flow, not silhouettes; gait models: gei"):
        gait_model_info(models_dir, "flow2d")
