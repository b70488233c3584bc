"""Assignment and losses of the segmenter."""

import pytest

torch = pytest.importorskip("torch")

from rt_gait.training.segmenter import losses
from rt_gait.training.segmenter.network import Segmenter, anchor_points, decode_boxes

SIZE = 64
PERSON = torch.tensor([[[8.0, 8.0, 40.0, 56.0]]])


def _match(boxes: "torch.Tensor", people: "torch.Tensor", top: int = 10) -> losses.Assignment:
    points, _ = anchor_points(SIZE, SIZE)
    scores = torch.full(boxes.shape[:2], 0.5)
    valid = torch.ones(people.shape[:2], dtype=torch.bool)
    return losses.assign(scores, boxes, points, people, valid, top=top)


def test_only_anchors_inside_the_box_are_assigned() -> None:
    points, _ = anchor_points(SIZE, SIZE)
    match = _match(PERSON.expand(1, len(points), 4), PERSON)
    chosen = points[match.index[0] == 0]
    assert 1 <= len(chosen) <= 10
    assert ((chosen > PERSON[0, 0, :2]) & (chosen < PERSON[0, 0, 2:])).all()
    assert match.score.max() == pytest.approx(1.0, abs=1e-3)


def test_a_contested_anchor_goes_to_the_better_overlap() -> None:
    points, _ = anchor_points(SIZE, SIZE)
    people = torch.cat([PERSON, PERSON + torch.tensor([4.0, 0, 4, 0])], 1)
    match = _match(people[:, 1:].expand(1, len(points), 4), people, top=1000)
    assert (match.index == 1).any()
    contested = (points > people[0, 1, :2]).all(-1) & (points < people[0, 0, 2:]).all(-1)
    assert not (match.index[0, contested] == 0).any()


def test_padding_is_never_assigned() -> None:
    points, _ = anchor_points(SIZE, SIZE)
    match = losses.assign(
        torch.ones(1, len(points)),
        PERSON.expand(1, len(points), 4),
        points,
        PERSON,
        torch.zeros(1, 1, dtype=torch.bool),
    )
    assert (match.index == -1).all()


def test_mask_loss_falls_as_the_mask_fits() -> None:
    points, _ = anchor_points(SIZE, SIZE)
    match = _match(PERSON.expand(1, len(points), 4), PERSON)
    ids = torch.zeros(1, SIZE, SIZE, dtype=torch.uint8)
    ids[0, 8:56, 8:24] = 1  # left half of the box
    shape = torch.full((1, 1, 16, 16), -8.0)
    shape[0, 0, 2:14, 2:6] = 8.0
    ones = torch.ones(1, 1, len(points))
    right_bce, right_dice, right_iou = losses.mask_loss(ones, shape, ids, PERSON, match)
    wrong_bce, wrong_dice, wrong_iou = losses.mask_loss(-ones, shape, ids, PERSON, match)
    assert right_bce < 0.2 * wrong_bce
    assert right_dice < wrong_dice
    assert right_iou > 0.9 > wrong_iou


def test_distillation_is_zero_at_the_teacher() -> None:
    logits = torch.randn(1, 4, 16, 5)
    scores = torch.tensor([[0.9, 0.5, 0.2, 0.0, 0.0]])
    assert losses.distillation_loss(logits, logits, scores).item() == pytest.approx(0, abs=1e-6)
    assert losses.distillation_loss(logits + torch.randn_like(logits), logits, scores) > 0.01


def test_network_shapes() -> None:
    network = Segmenter().eval()
    with torch.no_grad():
        raw = network(torch.zeros(1, 3, SIZE, 96))
    points, strides = anchor_points(SIZE, 96)
    assert raw.coefficients.shape == (1, 32, len(points))
    assert raw.prototypes.shape == (1, 32, SIZE // 4, 24)
    assert decode_boxes(raw.box_logits, points, strides).shape == (1, len(points), 4)
