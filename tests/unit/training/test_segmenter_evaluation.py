"""The segmenter's measuring stick and its label reading, which need no torch."""

import numpy as np
import pytest

from rt_gait.training.segmenter import average_precision as ap
from rt_gait.training.segmenter.augment import Composer, compact
from rt_gait.training.segmenter.data import Photo, parse_labels


def test_perfect_detections_score_one() -> None:
    image = ap.match(np.array([0.9, 0.8]), np.eye(2))
    assert ap.average_precision([image]) == pytest.approx(np.ones(10))


def test_a_person_is_found_only_once() -> None:
    image = ap.match(np.array([0.9, 0.8]), np.array([[0.9], [0.95]]))
    assert image.hits[0].tolist() == [True, False]


def test_iou_threshold_decides_a_hit() -> None:
    image = ap.match(np.array([0.9]), np.array([[0.72]]))
    assert image.hits[:, 0].tolist() == [t <= 0.72 for t in ap.IOU_THRESHOLDS]


def test_precision_is_read_at_101_recalls() -> None:
    # one hit, then one false alarm, of two people: precision 1 up to recall .5, nothing beyond
    image = ap.match(np.array([0.9, 0.8]), np.array([[1.0, 0.0], [0.0, 0.0]]))
    assert ap.average_precision([image])[0] == pytest.approx(51 / 101)


def test_images_without_detections_or_people_are_counted() -> None:
    missed = ap.match(np.zeros(0), np.zeros((0, 1)))
    alarm = ap.match(np.array([0.99]), np.zeros((1, 0)))
    found = ap.match(np.array([0.5]), np.ones((1, 1)))
    assert ap.average_precision([missed, alarm, found])[0] == pytest.approx(51 * 0.5 / 101)


def test_mask_iou_of_nothing_is_empty() -> None:
    assert ap.mask_iou(np.zeros((0, 4, 4), bool), np.ones((2, 4, 4), bool)).shape == (0, 2)


def test_box_and_mask_iou_agree_on_rectangles() -> None:
    masks = np.zeros((2, 20, 20), bool)
    masks[0, 2:10, 2:10] = masks[1, 4:12, 2:10] = True
    boxes = np.array([[2, 2, 10, 10], [2, 4, 10, 12]], float)
    assert ap.box_iou(boxes, boxes) == pytest.approx(ap.mask_iou(masks, masks))


def test_labels_are_scaled_to_pixels() -> None:
    (polygon,) = parse_labels("0 0 0 0.5 0 0.5 0.5\n\n", 200, 100)
    assert polygon.tolist() == [[0, 0], [100, 0], [100, 50]]


def test_broken_label_names_its_line() -> None:
    with pytest.raises(ValueError, match="line 2"):
        parse_labels("0 0 0 1 0 1 1\n0 0.5", 10, 10)


def test_slivers_are_left_out_and_people_renumbered() -> None:
    ids = np.zeros((50, 50), np.uint8)
    ids[0, :3] = 4
    ids[10:30, 10:20] = 9
    out, boxes = compact(ids)
    assert boxes.tolist() == [[10, 10, 20, 30]]
    assert sorted(np.unique(out)) == [0, 1]


def _photo(complete: bool) -> Photo:
    image = np.random.default_rng(0).integers(0, 255, (120, 80, 3), dtype=np.uint8)
    polygon = np.array([[20, 10], [60, 10], [60, 110], [20, 110]], np.float32)
    return Photo("p", image, [polygon], complete)


def test_same_seed_gives_the_same_scene() -> None:
    composer = Composer([_photo(True), _photo(False)], height=96, width=128)
    for seed in range(12):
        first, second = composer(seed), composer(seed)
        assert first.image.shape == (96, 128, 3)
        assert np.array_equal(first.image, second.image)
        assert np.array_equal(first.ids, second.ids)


def test_scenes_need_a_fully_labelled_photograph() -> None:
    with pytest.raises(ValueError, match="all people labelled"):
        Composer([_photo(False)])
