"""Importing checkpoints of published networks: what comes out is what went in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from published_reference import (
    State,
    deepgait_parts,
    deepgait_state,
    gaitbase_parts,
    gaitbase_state,
    gaitset_parts,
    gaitset_state,
)

from rt_gait.config import load_settings
from rt_gait.errors import ModelError, OutputError, RtGaitError, UsageError
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.limits import thresholds
from rt_gait.serving.check import check_model
from rt_gait.training.published.architectures import ARCHITECTURES
from rt_gait.training.published.importer import import_checkpoint
from rt_gait.types import Window

FRAMES = 4
FULL, HALF, SMALL = (64, 128, 256, 512), (32, 64, 128, 256), (4, 6, 8, 10)
ONE, DEEP = (1, 1, 1, 1), (1, 4, 4, 1)


def save(path: Path, state: State, **others: object) -> Path:
    torch.save({"model": state, **others}, path)
    return path


def imported(models_dir: Path, checkpoint: Path, arch: str, **options: object) -> None:
    wanted = {"frames": FRAMES, "overwrite": False, **options}
    import_checkpoint(checkpoint, arch, "theirs", models_dir=models_dir, **wanted)


def small(arch: str) -> State:
    if arch == "gaitset":
        return gaitset_state((4, 6, 8), 5)
    if arch == "gaitbase":
        return gaitbase_state(SMALL, (1, 2, 1, 1), 7)
    return deepgait_state(arch.removeprefix("deepgaitv2-"), SMALL, (1, 2, 1, 2), 7)


def reference(arch: str, state: State, window: torch.Tensor) -> torch.Tensor:
    if arch == "gaitset":
        return gaitset_parts(state, window)
    if arch == "gaitbase":
        return gaitbase_parts(state, window, SMALL, (1, 2, 1, 1))
    return deepgait_parts(arch.removeprefix("deepgaitv2-"), state, window, SMALL, (1, 2, 1, 2))


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_embeddings_are_those_of_the_checkpoint(
    tmp_path: Path, models_dir: Path, arch: str
) -> None:
    state = small(arch)
    imported(models_dir, save(tmp_path / "c.pt", state), arch)
    info = gait_model_info(models_dir, "theirs")
    check_model(info)
    pixels = np.random.default_rng(3).integers(0, 256, (3, FRAMES, 64, 44), np.uint8)
    windows = [Window(k, 0.0, 1.0, p) for k, p in enumerate(pixels)]
    vectors = np.stack([e.vector for e in OnnxGaitEmbedder(info).embed(windows)])

    exact = {k: v.double() if v.is_floating_point() else v for k, v in state.items()}
    parts = torch.stack(
        [reference(arch, exact, torch.from_numpy(p).double() / 255) for p in pixels]
    ).numpy()
    units = parts / np.linalg.norm(parts, axis=2, keepdims=True)
    expected = units.reshape(3, -1) / units.shape[1] ** 0.5
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    # Strangers must differ far more than the tolerance, or a wrong wiring could hide in it.
    assert np.abs(expected[0] - expected[1]).max() > 1e-3
    cosines = np.einsum("pd,pd->p", units[0], units[1])
    assert vectors[0] @ vectors[1] == pytest.approx(cosines.mean(), abs=1e-5)


@pytest.mark.parametrize(
    ("arch", "state", "parameters"),
    [
        ("gaitset", lambda: gaitset_state((32, 64, 128), 256), 2_594_592),
        ("gaitset", lambda: gaitset_state((64, 128, 256), 256), 6_313_536),
        ("gaitbase", lambda: gaitbase_state(FULL, ONE, 256), 6_994_112),
        ("deepgaitv2-2d", lambda: deepgait_state("2d", FULL, ONE, 256), 6_994_112),
        ("deepgaitv2-p3d", lambda: deepgait_state("p3d", FULL, ONE, 256), 8_028_096),
        ("deepgaitv2-p3d", lambda: deepgait_state("p3d", FULL, DEEP, 256), 13_195_968),
        ("deepgaitv2-p3d", lambda: deepgait_state("p3d", HALF, ONE, 128), 2_009_056),
        ("deepgaitv2-3d", lambda: deepgait_state("3d", FULL, ONE, 256), 16_283_840),
        ("deepgaitv2-3d", lambda: deepgait_state("3d", FULL, DEEP, 256), 29_559_488),
    ],
)
def test_published_sizes(arch: str, state: Callable[[], State], parameters: int) -> None:
    with torch.device("meta"):
        shapes = {key: tuple(value.shape) for key, value in state().items()}
        built = ARCHITECTURES[arch].build(shapes)
    assert sum(p.numel() for p in built.parameters()) == parameters
    expected = {k: tuple(v.shape) for k, v in built.state_dict().items()}
    assert expected == {k: v for k, v in shapes.items() if not k.startswith("BNNecks.")}


def test_a_whole_training_state_is_read(tmp_path: Path, models_dir: Path) -> None:
    state = small("gaitbase")
    weights = [torch.nn.Parameter(torch.ones(3))]
    optimizer = torch.optim.SGD(weights, 0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [20000, 40000])
    weights[0].sum().backward()
    optimizer.step()
    checkpoint = save(
        tmp_path / "c.pt",
        {f"module.{key}": value for key, value in state.items()},
        optimizer=optimizer.state_dict(),
        scheduler=scheduler.state_dict(),
        iteration=60000,
    )
    imported(models_dir, checkpoint, "gaitbase")
    assert [p.name for p in models_dir.iterdir()] == ["theirs"]


def test_the_configuration_says_where_it_is_from_and_invents_no_thresholds(
    tmp_path: Path, models_dir: Path
) -> None:
    imported(models_dir, save(tmp_path / "Ours.pt", small("gaitset")), "gaitset")
    info = gait_model_info(models_dir, "theirs")
    assert info.parameters == {
        "modality": "silhouette",
        "layout": "NTHW",
        "frames": "4",
        "cadence_hz": "25",
        "height": "64",
        "width": "44",
        "distance": "cosine",
        "training_data": "unknown",
        "architecture": "gaitset",
        "imported_from": "Ours.pt",
    }
    with pytest.raises(ModelError, match="known_score"):
        thresholds(load_settings(None), info)
    given = load_settings(None, known_score=0.9, candidate_score=0.8, margin=0.05)
    assert thresholds(given, info).known == 0.9


class RunsCode:
    """Unpickling one of these would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def damaged(kind: str, tmp_path: Path) -> Path:
    """A checkpoint that must not be imported."""
    path, state = tmp_path / f"{kind}.pt", small("gaitbase")
    fc = state["FCs.fc_bin"]
    conv = "Backbone.forward_block.conv1.conv.weight"
    changes: dict[str, Callable[[], object]] = {
        "code": lambda: {**state, "FCs.fc_bin": RunsCode(tmp_path / "ran")},
        "not_finite": lambda: {**state, "FCs.fc_bin": fc * float("nan")},
        "integers": lambda: {**state, "FCs.fc_bin": fc.int()},
        "no_tensor": lambda: {**state, "FCs.fc_bin": [1.0]},
        "boundless": lambda: {**state, "FCs.fc_bin": torch.zeros(1).expand(16, 10**6, 10**6)},
        "empty_tensor": lambda: {**state, "FCs.fc_bin": torch.zeros(16, 0, 7)},
        "missing": lambda: {k: v for k, v in state.items() if k != "FCs.fc_bin"},
        "left_over": lambda: {**state, "Head.extra": fc},
        "rgb": lambda: {**state, conv: state[conv].repeat(1, 3, 1, 1)},
        "parts": lambda: {**state, "FCs.fc_bin": fc[:8].clone()},
        "other": lambda: small("deepgaitv2-p3d"),
        "no_weights": dict,
    }
    if kind in changes:
        return save(path, changes[kind]())  # type: ignore[arg-type]
    if kind == "truncated":
        whole = save(path, state).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "text":
        path.write_text("no checkpoint " * 100)
    elif kind == "empty":
        path.touch()
    elif kind == "bare":
        torch.save(state, path)
    elif kind == "list":
        torch.save([1, 2], path)
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("code", "could run code"),
        ("truncated", "damaged"),
        ("text", "damaged"),
        ("empty", "damaged"),
        ("absent", "cannot read the checkpoint"),
        ("bare", 'under "model"'),
        ("list", 'under "model"'),
        ("no_weights", 'under "model"'),
        ("not_finite", "FCs.fc_bin' holds numbers that are not finite"),
        ("integers", "FCs.fc_bin' should be a tensor of floating point"),
        ("no_tensor", "FCs.fc_bin' should be a tensor of floating point"),
        ("boundless", "FCs.fc_bin' should be a tensor of floating point"),
        ("empty_tensor", "FCs.fc_bin' should be a tensor of floating point"),
        ("missing", r"not of gaitbase: missing: FCs\.fc_bin$"),
        ("left_over", r"not of gaitbase: left over: Head\.extra$"),
        ("rgb", r"conv1\.conv\.weight \[4, 3, 3, 3\] in place of \[4, 1, 3, 3\]"),
        ("parts", r"FCs\.fc_bin \[8, 10, 7\] in place of \[16, 10, 7\]"),
        ("other", r"missing: Backbone.* more; left over: layer0.* it fits --arch deepgaitv2-p3d"),
    ],
)
def test_a_bad_checkpoint_is_told_and_leaves_nothing(
    tmp_path: Path, models_dir: Path, kind: str, said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        imported(models_dir, damaged(kind, tmp_path), "gaitbase")
    assert list(models_dir.iterdir()) == []
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", 'quo"te', "x" * 65, "new\nline"])
def test_a_bad_name_is_refused(tmp_path: Path, models_dir: Path, name: str) -> None:
    with pytest.raises(UsageError, match="a model's name"):
        import_checkpoint(
            tmp_path / "c.pt", "gaitset", name, models_dir=models_dir, frames=4, overwrite=True
        )
    assert list(models_dir.iterdir()) == []


def test_an_unknown_architecture_is_refused(tmp_path: Path, models_dir: Path) -> None:
    checkpoint = save(tmp_path / "c.pt", small("gaitset"))
    with pytest.raises(UsageError, match=r"gaitset, gaitbase, .*; not 'gaitgl'"):
        imported(models_dir, checkpoint, "gaitgl")


def test_weights_of_zero_have_no_unit_length_and_leave_nothing(
    tmp_path: Path, models_dir: Path
) -> None:
    state = {key: torch.zeros_like(value) for key, value in small("gaitset").items()}
    with pytest.raises(ModelError, match="unit length"):
        imported(models_dir, save(tmp_path / "c.pt", state), "gaitset")
    assert list(models_dir.iterdir()) == []


def test_a_model_is_replaced_only_when_told_and_only_by_a_whole_one(
    tmp_path: Path, models_dir: Path
) -> None:
    first, second = small("gaitset"), gaitset_state((4, 6, 10), 5)
    imported(models_dir, save(tmp_path / "1.pt", first), "gaitset")
    key = gait_model_info(models_dir, "theirs").key
    with pytest.raises(OutputError, match="--overwrite"):
        imported(models_dir, save(tmp_path / "2.pt", second), "gaitset")
    with pytest.raises(RtGaitError):
        imported(models_dir, damaged("truncated", tmp_path), "gaitset", overwrite=True)
    assert gait_model_info(models_dir, "theirs").key == key
    imported(models_dir, tmp_path / "2.pt", "gaitset", overwrite=True)
    assert gait_model_info(models_dir, "theirs").key != key
    assert [p.name for p in models_dir.iterdir()] == ["theirs"]


def test_a_folder_that_is_no_model_is_never_replaced(tmp_path: Path, models_dir: Path) -> None:
    (models_dir / "theirs").mkdir()
    (models_dir / "theirs" / "diary.txt").touch()
    with pytest.raises(OutputError, match="not a model"):
        imported(models_dir, tmp_path / "c.pt", "gaitset", overwrite=True)
    assert (models_dir / "theirs" / "diary.txt").exists()


def test_the_models_folder_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="make it first"):
        imported(tmp_path / "none", tmp_path / "c.pt", "gaitset")
