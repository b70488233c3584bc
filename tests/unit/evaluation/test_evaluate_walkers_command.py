"""``python -m rt_gait.training evaluate`` on a tiny data set, and what it keeps of embeddings."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from evaluation_world import embedded_of, write_walkers

pytest.importorskip("torch")

from rt_gait.errors import ExitCode
from rt_gait.evaluation import embedding, plots
from rt_gait.evaluation.sequences import SequenceInfo
from rt_gait.serving.repository import default_models_dir
from rt_gait.training.__main__ import main
from rt_gait.training.evaluate import data_digest, read_embeddings, write_embeddings

pytestmark = pytest.mark.usefixtures("few_replicates")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_walkers(tmp_path_factory.mktemp("data") / "walkers")


@pytest.fixture
def embedded_counts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many sequences each embedding took, as the command runs; nothing is drawn."""
    monkeypatch.setattr(plots, "write_plots", lambda *_: [])
    counts: list[int] = []
    real = embedding.embed_sequences

    def counting(*arguments: object, **options: object) -> embedding.Embedded:
        found = real(*arguments, **options)  # type: ignore[arg-type]
        counts.append(len(found.about))
        return found

    monkeypatch.setattr(embedding, "embed_sequences", counting)
    return counts


def run(data: Path, out: Path, *options: str) -> int:
    given = ["--data", data, "--out", out, "--model", "gei", *options]
    return main(["evaluate", *map(str, given)])


def report(out: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((out / "report.json").read_text())
    return found


def test_a_second_run_embeds_nothing_and_says_the_same(
    data: Path, tmp_path: Path, embedded_counts: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(data, tmp_path / "out") == 0
    assert embedded_counts == [32]
    told = capsys.readouterr()
    assert "32 sequences, 1 without a window" in told.err
    assert str(tmp_path / "out" / "report.md") in told.out
    first = report(tmp_path / "out")
    same = first["models"][0]["conditions"]["same clothes"]  # type: ignore[index]
    assert same["figures"]["rank-1"]["value"] == 1
    assert run(data, tmp_path / "out") == 0
    assert embedded_counts == [32]
    assert report(tmp_path / "out") == first


def test_report_and_plots_are_written(data: Path, tmp_path: Path) -> None:
    assert run(data, tmp_path / "out") == 0
    names = {p.name for p in (tmp_path / "out").iterdir() if p.suffix != ".npz"}
    assert names == {"report.json", "report.md", "det.png", "views.png", "conditions.png"}


@pytest.mark.parametrize(
    "options",
    [("--most-windows", "1"), ("--subjects", "2"), ("--frames-order", "frozen")],
)
def test_other_options_are_embedded_anew(
    data: Path, tmp_path: Path, embedded_counts: list[int], options: tuple[str, str]
) -> None:
    assert run(data, tmp_path / "out") == 0
    assert run(data, tmp_path / "out", *options) == 0
    assert embedded_counts == [32, 16 if "--subjects" in options else 32]


def test_other_data_are_embedded_anew(tmp_path: Path, embedded_counts: list[int]) -> None:
    folder = write_walkers(tmp_path / "walkers")
    run(folder, tmp_path / "out")
    before = data_digest(folder, "test")
    shutil.rmtree(folder)
    write_walkers(folder, seed=1)
    assert data_digest(folder, "test") != before
    run(folder, tmp_path / "out")
    assert embedded_counts == [32, 32]


def test_another_network_of_the_same_name_is_embedded_anew(
    data: Path, tmp_path: Path, embedded_counts: list[int]
) -> None:
    models = tmp_path / "models"
    shutil.copytree(default_models_dir() / "gei", models / "gei")
    run(data, tmp_path / "out", "--models-dir", str(models))
    config = models / "gei" / "config.pbtxt"
    config.write_text(
        config.read_text().replace('value { string_value: "25" }', 'value { string_value: "20" }')
    )
    run(data, tmp_path / "out", "--models-dir", str(models))
    network = models / "gei" / "1" / "model.onnx"
    network.write_bytes(network.read_bytes() + b"\x72\x00")  # an empty metadata field
    run(data, tmp_path / "out", "--models-dir", str(models))
    assert embedded_counts == [32, 32, 32]


def test_embeddings_of_another_record_or_damaged_are_not_used(tmp_path: Path) -> None:
    about = SequenceInfo("p", "s0", 12.5, {"trial": "0"})
    embedded = embedded_of([(about, np.eye(3)[:2]), (about, np.eye(3)[:0])])
    path = tmp_path / "a@1.npz"
    write_embeddings(path, "one", embedded)
    found = read_embeddings(path, "one")
    assert found is not None
    assert found.about == embedded.about
    assert np.array_equal(found.windows, embedded.windows)
    assert found.acquired.tolist() == [True, False]
    assert read_embeddings(path, "other") is None
    assert read_embeddings(tmp_path / "gone.npz", "one") is None
    for content in (b"", b"nothing", path.read_bytes()[:-200]):
        path.write_bytes(content)
        assert read_embeddings(path, "one") is None
    np.savez(path, record=np.array("one"))
    assert read_embeddings(path, "one") is None


def test_what_cannot_be_done_is_said_in_one_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(data, damaged)
    manifest = damaged / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("focal_px", "focus"))
    for arguments, told in (
        ((tmp_path / "gone", tmp_path / "out"), "no data set"),
        ((data, tmp_path / "out", "--split", "train"), "split 'train'"),
        ((damaged, tmp_path / "out"), "focal_px"),
        ((data, tmp_path / "out", "--frames-order", "odd"), "invalid choice"),
    ):
        assert run(*arguments) in (ExitCode.USAGE, ExitCode.DAMAGED_INPUT)
        error = capsys.readouterr().err
        assert told in error
        assert error.startswith("error: ")
        assert error.count("\n") == 1
