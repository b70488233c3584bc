"""What each stage of the segmenter's training moves, how fast, and what batches are made of."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rt_gait.training.segmenter.augment import Composer
from rt_gait.training.segmenter.batches import batches, light
from rt_gait.training.segmenter.data import Photo
from rt_gait.training.segmenter.network import Segmenter
from rt_gait.training.segmenter.stages import Recipe, Stage, prepare, rate


@pytest.mark.parametrize(("stage", "branches"), [("masks", {"cv4", "proto"}), ("scores", {"cv3"})])
def test_a_stage_moves_its_own_branches_alone(stage: Stage, branches: set[str]) -> None:
    network = Segmenter()
    prepare(network, stage, Recipe())
    moving = {name for name, p in network.named_parameters() if p.requires_grad}
    assert all(name.startswith("model.22.") for name in moving)
    assert {name.split(".")[2] for name in moving} == branches


def test_only_the_new_branches_learn_batch_statistics() -> None:
    network = Segmenter()
    norms = {n: m for n, m in network.named_modules() if isinstance(m, torch.nn.BatchNorm2d)}
    prepare(network, "masks", Recipe())
    learning = {name.split(".")[2] for name, norm in norms.items() if norm.training}
    assert learning == {"cv4", "proto"}
    prepare(network, "all", Recipe())
    assert not any(norm.training for norm in norms.values())


def test_the_second_stage_moves_what_the_detector_shares_more_gently() -> None:
    network, recipe = Segmenter(), Recipe()
    own, shared = prepare(network, "all", recipe).param_groups
    assert (own["lr"], shared["lr"]) == (recipe.mask_lr, recipe.shared_lr)
    assert len(own["params"]) + len(shared["params"]) == len(list(network.parameters()))


def test_learning_rate_warms_up_and_falls_to_a_fiftieth() -> None:
    assert rate(0, 2000, 0.0) == pytest.approx(0.01)
    assert rate(99, 2000, 0.0) == pytest.approx(1.0)
    assert rate(1999, 2000, 1.0) == pytest.approx(0.02)
    assert rate(0, 3, 0.0) == pytest.approx(1.0)  # too short to warm up


def test_light_keeps_shape_and_range() -> None:
    images = torch.rand(4, 3, 16, 24)
    lit = light(images)
    assert lit.shape == images.shape
    assert lit.min() >= 0 and lit.max() <= 1
    assert not torch.equal(lit, images)


def test_batches_hold_one_scene_per_place() -> None:
    image = np.random.default_rng(0).integers(0, 255, (120, 80, 3), dtype=np.uint8)
    polygon = np.array([[20, 10], [60, 10], [60, 110], [20, 110]], np.float32)
    composer = Composer([Photo("p", image, [polygon], True)], height=96, width=128)
    made = list(batches(composer, Recipe(batch=3), steps=2, workers=0))
    assert len(made) == 2
    images, ids, people, counts, _ = made[0]
    assert images.shape == (3, 96, 128, 3)
    for number in range(3):
        assert ids[number].max() == counts[number]
        assert not people[number, counts[number] :].any()
