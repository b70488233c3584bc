"""Training: batches, losses, augmentation, checkpoints that go on exactly, pruning."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from nets_world import FRAMES, SUBJECTS, write_set

from rt_gait.errors import UsageError
from rt_gait.training.__main__ import main
from rt_gait.training.nets.augment import Augment
from rt_gait.training.nets.batches import Windows, data_digest
from rt_gait.training.nets.losses import triplet
from rt_gait.training.nets.norms import settle
from rt_gait.training.nets.prune import kept, pruned
from rt_gait.training.nets.rank import embed, rank1
from rt_gait.training.nets.recipe import Recipe
from rt_gait.training.nets.train import (
    Trainer,
    load_network,
    read_checkpoint,
    schedule,
)
from rt_gait.training.walkers.data.reader import SilhouetteSet

RECIPE = """
network = "gait2d"
widths = [8, 8, 8, 8, 8, 16, 16]
people = 4
each = 4
steps = [8]
iterations = {iterations}
warmup = 5
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("set") / "set")


@pytest.fixture(scope="module")
def everyone(data):
    return Windows.of(SilhouetteSet.load(data, "train"), "cpu")


@pytest.fixture
def recipe(tmp_path):
    def write(iterations=60):
        path = tmp_path / "tiny.toml"
        path.write_text(RECIPE.format(iterations=iterations))
        return path

    return write


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_batches_hold_p_subjects_k_times(everyone):
    pictures, subjects = everyone.draw(generator(), 3, 4, 8)
    assert pictures.shape == (12, 8, 64, 44)
    assert pictures.dtype == torch.uint8
    assert sorted(torch.bincount(subjects, minlength=SUBJECTS).tolist()) == [0, 0, 0, 4, 4, 4]


def test_batches_are_the_same_for_the_same_seed(everyone):
    one, other, third = (everyone.draw(generator(s), 3, 4, 8)[0] for s in (1, 1, 2))
    assert torch.equal(one, other)
    assert not torch.equal(one, third)


def test_windows_pass_at_25_hz_whatever_the_camera_did(everyone):
    slow = torch.tensor([int(torch.nonzero(everyone.step == 0.5)[0])])
    quick = torch.tensor([int(torch.nonzero(everyone.step == 1.0)[0])])
    zero, one = torch.zeros(1), torch.ones(1)
    at = everyone.index(slow, zero, 6, one)[0] - everyone.start[slow]
    assert at.tolist() == [0, 0, 1, 1, 2, 2]
    at = everyone.index(quick, zero, 6, one)[0] - everyone.start[quick]
    assert at.tolist() == [0, 1, 2, 3, 4, 5]


def test_windows_stay_inside_their_sequence(everyone):
    chosen = torch.arange(len(everyone.start))
    for begin in (0.0, 0.5, 0.999):
        index = everyone.index(
            chosen, torch.full((len(chosen),), begin), 30, torch.ones(len(chosen))
        )
        assert (index >= everyone.start[:, None]).all()
        assert (index < everyone.start[:, None] + FRAMES).all()


def test_triplet_loss_is_that_of_every_triplet():
    random = generator(3)
    parts, subjects = torch.randn(6, 2, 5, generator=random), torch.tensor([0, 0, 1, 1, 2, 2])
    unit = torch.nn.functional.normalize(parts, dim=2)
    means, active, count = [], 0, 0
    for p in range(2):
        losses = []
        for a in range(6):
            for b in range(6):
                for c in range(6):
                    if a != b and subjects[a] == subjects[b] and subjects[a] != subjects[c]:
                        near, far = (torch.dist(unit[a, p], unit[k, p]) for k in (b, c))
                        losses.append(float((near - far + 0.2).clamp(min=0)))
        positive = [v for v in losses if v > 0]
        active, count = active + len(positive), count + len(losses)
        means.append(np.mean(positive))
    loss, share = triplet(parts, subjects)
    assert float(loss) == pytest.approx(np.mean(means), abs=1e-4)
    assert float(share) == pytest.approx(active / count)


def test_augmentation_off_changes_nothing_but_rounding(everyone):
    pictures, _ = everyone.draw(generator(), 3, 4, 8)
    same = Augment(0, 0, 0, 0, 0, 0)(pictures, generator())
    assert (same.int() - pictures.int()).abs().max() <= 2


def test_augmentation_changes_windows_not_their_form(everyone):
    pictures, _ = everyone.draw(generator(), 4, 4, 8)
    changed = Augment(1, 1, 1, 1, 1, 1)(pictures, generator())
    assert changed.shape == pictures.shape
    assert changed.dtype == torch.uint8
    assert ((changed.int() - pictures.int()).abs() > 64).flatten(1).any(dim=1).all()
    assert (changed.flatten(1) > 0).any(dim=1).all()


def test_schedule_rises_and_falls():
    recipe = Recipe("gait2d", iterations=100, warmup=10)
    rates = [schedule(k, recipe) for k in range(100)]
    assert rates[9] == max(rates) == pytest.approx(1.0)
    assert rates[0] < 0.2
    assert rates[99] < 0.02


def test_training_learns_goes_on_exactly_and_plots(data, recipe, tmp_path, capsys):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    path = str(recipe())
    assert main(["train", path, "--data", str(data), "--out", str(whole)]) == 0
    assert "60 of 60" in capsys.readouterr().out
    command = ["train", path, "--data", str(data), "--out", str(parts)]
    for _ in range(200):
        assert main([*command, "--minutes", "0.004"]) == 0
        if "60 of 60" in capsys.readouterr().out:
            break
    _, one = load_network(whole / "checkpoint.pt")
    _, other = load_network(parts / "checkpoint.pt")
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name

    pytest.importorskip("matplotlib")
    out = tmp_path / "log.png"
    assert main(["plot", str(whole / "log.jsonl"), "--out", str(out)]) == 0
    assert out.read_bytes()[:4] == b"\x89PNG"
    assert main(["plot", str(tmp_path / "none"), "--out", str(out)]) == 2


def test_training_tells_people_apart(data, recipe, tmp_path):
    """Blobs are easy: even untrained, the closest is the right one. Not by how much."""
    check = Windows.of(SilhouetteSet.load(data, "validation"), "cpu")
    same = check.subject[:, None] == check.subject

    def gap(network):
        vectors = embed(network.eval(), check, torch.arange(len(same)))
        cosine = vectors @ vectors.T
        return float(cosine[same].mean() - cosine[~same].mean())

    before = gap(Recipe.read(str(recipe())).build())
    out = tmp_path / "out"
    assert main(["train", str(recipe(150)), "--data", str(data), "--out", str(out)]) == 0
    trained = load_network(out / "checkpoint.pt")[1]
    assert gap(trained) > before + 0.2
    assert rank1(trained, check) > 0.9
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert log[-1]["cross_entropy"] < log[0]["cross_entropy"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('network = "gait9d"', "gait2d or gait3d"),
        ("iterations = 10", "network is missing"),
        ('network = "gait2d"\nsteps = [7]', "even"),
        ('network = "gait2d"\nsped = 1', "unknown sped"),
        ("network = ", "not TOML"),
    ],
)
def test_bad_recipes_are_refused(data, tmp_path, capsys, change, message):
    path = tmp_path / "bad.toml"
    path.write_text(change)
    assert main(["train", str(path), "--data", str(data), "--out", str(tmp_path / "o")]) == 2
    assert message in capsys.readouterr().err


def test_a_checkpoint_of_another_recipe_or_none_is_refused(data, recipe, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["train", str(recipe(2)), "--data", str(data), "--out", str(out)]) == 0
    assert main(["train", str(recipe(3)), "--data", str(data), "--out", str(out)]) == 2
    assert "another recipe" in capsys.readouterr().err
    (out / "checkpoint.pt").write_bytes(b"no checkpoint")
    assert main(["train", str(recipe(2)), "--data", str(data), "--out", str(out)]) == 7
    assert "not a checkpoint" in capsys.readouterr().err


def test_checkpoints_tell_their_data_and_older_ones_go_on(data, recipe, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["train", str(recipe(2)), "--data", str(data), "--out", str(out)]
    assert main(command) == 0
    state = read_checkpoint(out / "checkpoint.pt")
    assert state["data"] == f"walkers {data_digest(data)}, {SUBJECTS} subjects"
    del state["data"], state["recipe"]["pruned"]
    torch.save(state, out / "checkpoint.pt")
    assert main(command) == 0
    assert "2 of 2" in capsys.readouterr().out


def test_pruning_twice_adds_up():
    recipe = Recipe("gait2d", widths=(40, 40, 40, 40, 40, 40, 40))
    once, net = pruned(recipe, recipe.build(), 0.2)
    assert pruned(once, net, 0.5)[0].pruned == pytest.approx(0.6)


@pytest.mark.parametrize(("name", "blocks"), [("gait2d", 3), ("gait3d", 5)])
def test_pruning_nothing_changes_nothing_and_the_strongest_filters_stay(name, blocks):
    recipe = Recipe(name, widths=(16,) * blocks * 2 + (32,))
    net = recipe.build().eval()
    pictures = (torch.rand(2, 8, 64, 44, generator=generator()) > 0.5).byte() * 255
    same = pruned(recipe, net, 0.0)[1].eval()
    assert torch.equal(same(pictures), net(pictures))
    with torch.no_grad():
        net.stem.conv.weight[3::2] = 0
    smaller, half = pruned(recipe, net, 0.5)
    assert smaller.widths == (8,) * blocks * 2 + (16,)
    assert (half.stem.conv.weight.flatten(1).abs().sum(1) > 0).all()
    assert half.eval()(pictures).shape == (2, 2048)


def test_filters_are_kept_in_eights():
    assert [kept(64, s) for s in (0.0, 0.2, 0.4, 0.6, 1.0)] == [64, 48, 40, 24, 8]


def test_a_pruned_network_is_trained_on(data, recipe, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["train", str(recipe(5)), "--data", str(data), "--out", str(out)]) == 0
    checkpoint = str(out / "checkpoint.pt")
    less = ["prune", checkpoint, "--share", "0.5", "--data", str(data), "--iterations", "3"]
    assert main([*less, "--out", str(tmp_path / "less")]) == 0
    recipe, _ = load_network(tmp_path / "less" / "checkpoint.pt")
    assert recipe.widths == (8, 8, 8, 8, 8, 8, 8)
    assert recipe.pruned == 0.5
    assert main(["prune", str(tmp_path / "none"), *less[2:], "--out", str(tmp_path / "o")]) == 2
    assert "no checkpoint" in capsys.readouterr().err


def test_norms_are_settled_on_windows_as_in_use(everyone):
    recipe = Recipe("gait2d", widths=(8,) * 7, people=4, each=4)
    trainer = Trainer.of(recipe, SUBJECTS, "cpu")
    norm = trainer.network.head.norm
    norm.running_mean.fill_(100.0)
    settle(trainer.network, everyone, seed=1, people=4, each=4, batches=30)
    assert norm.momentum == 0.1
    pictures = everyone.draw(generator(5), 6, 4, 30)[0]
    with torch.no_grad():
        parts = trainer.network.eval().parts(pictures)
    assert parts.mean().abs() < 0.1
    assert 0.7 < parts.std() < 1.3


def test_a_pruned_network_goes_on_with_its_classifier(tmp_path, everyone):
    recipe = Recipe("gait2d", widths=(16,) * 7, people=2, each=2)
    large = Trainer.of(recipe, SUBJECTS, "cpu")
    torch.nn.init.normal_(large.classifier.weight)
    large.save(tmp_path / "large.pt")
    slim, network = pruned(recipe, large.network, 0.5)
    small = Trainer.of(slim, SUBJECTS, "cpu", network)
    small.inherit(tmp_path / "large.pt", everyone)
    assert torch.equal(small.classifier.weight, large.classifier.weight)


def test_with_other_people_it_goes_on_with_their_mean_vectors(tmp_path, everyone):
    recipe = Recipe("gait2d", widths=(8,) * 7, people=2, each=2)
    large = Trainer.of(recipe, SUBJECTS, "cpu")
    large.save(tmp_path / "large.pt")
    trainer = Trainer.of(recipe, SUBJECTS, "cpu")
    trainer.data = "others"
    trainer.inherit(tmp_path / "large.pt", everyone)
    weight = trainer.classifier.weight
    torch.testing.assert_close(weight.square().sum(dim=1), torch.ones_like(weight[:, 0]))
    pictures, subjects = everyone.draw(generator(1), SUBJECTS, 2, 30)
    with torch.no_grad():
        logits = trainer.classifier(trainer.network.eval().parts(pictures)).mean(dim=1)
    chance = 1 / SUBJECTS
    assert (logits.argmax(dim=1) == subjects).float().mean() > 1.5 * chance


@pytest.mark.parametrize("pace", [(2.0, 1.0), (0.0, 1.0), (1.0,)])
def test_a_pace_that_is_none_is_refused(pace):
    with pytest.raises(UsageError, match="pace"):
        Recipe("gait2d", pace=pace)
