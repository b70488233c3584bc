import json
from collections.abc import Sequence

import numpy as np
import pytest

from rt_gait.bench.stages import ScriptedCrowd, format_table, main, measure, random_templates
from rt_gait.errors import UsageError
from rt_gait.gait.embedder import Waited
from rt_gait.gait.windows import WindowShape
from rt_gait.identity.matching import Templates
from rt_gait.pipeline import STAGES
from rt_gait.serving.repository import default_models_dir, load_info
from rt_gait.types import Embedding, Window


class FixedEmbedder(Waited):
    """One and the same vector for everybody."""

    info = load_info(default_models_dir(), "gei")
    shape = WindowShape(30, 25.0, 0.4)

    def embed(self, windows: Sequence[Window]) -> list[Embedding]:
        vector = np.array([1, 0, 0, 0], np.float32)
        return [Embedding(w.track_id, w.end_secs, vector) for w in windows]


@pytest.mark.parametrize("people", [1, 20])
def test_everybody_is_seen_in_every_frame_measured(people: int) -> None:
    report = measure(FixedEmbedder(), random_templates(4), people=people, frames=30)
    assert report.silhouettes == people * 30
    assert report.windows == people * 3  # a stride is 10 frames
    assert tuple(report.stages) == (*STAGES, "step", "overhead")
    for stage in report.stages.values():
        assert 0 <= stage.p50_ms <= stage.p95_ms
    assert report.stages["overhead"].p50_ms <= report.stages["step"].p50_ms


def test_the_script_repeats_itself() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    one, other = ScriptedCrowd(3), ScriptedCrowd(3)
    for _ in range(3):
        a, b = one.detect(image), other.detect(image)
        assert np.array_equal(a.boxes_xyxy_px, b.boxes_xyxy_px)
        assert all(
            np.array_equal(p.pixels, q.pixels) for p, q in zip(a.masks, b.masks, strict=True)
        )


@pytest.mark.parametrize(("people", "frames"), [(0, 9), (21, 9), (1, 0)])
def test_numbers_out_of_range_are_refused(people: int, frames: int) -> None:
    with pytest.raises(UsageError, match=r"got (0|21)$"):
        measure(FixedEmbedder(), Templates.none(), people=people, frames=frames)


def test_table_has_a_line_for_each_stage() -> None:
    reports = [measure(FixedEmbedder(), Templates.none(), people=n, frames=2) for n in (1, 2)]
    lines = format_table(reports).splitlines()
    assert [line.split()[0] for line in lines] == [
        "people", "ms", *STAGES, "step", "overhead", "windows",
    ]  # fmt: skip
    assert len({len(line) for line in lines}) == 1


def test_command_times_the_model_of_the_repository(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--people", "2", "--frames", "10", "--json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert (report["people"], report["windows"]) == (2, 2)


def test_an_unknown_model_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--model", "nonesuch"]) == 2
    assert capsys.readouterr().err.startswith("error: ")
