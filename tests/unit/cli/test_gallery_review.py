from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from rt_gait.cli.app import app
from rt_gait.errors import ExitCode
from rt_gait.identity.consent import Consent
from rt_gait.identity.gallery import Gallery
from rt_gait.identity.proposals import Proposals, Walk
from rt_gait.identity.records import TemplateKey

KEY = TemplateKey("gei@1a2b3c4d", "person_seg@9f8e7d6c")


def around(axis: int, count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = 0.05 * rng.standard_normal((count, 16))
    return (np.eye(16)[axis] + noise).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "people.gallery"
    with Gallery.create_or_open(made) as gallery:
        anna, ben = (
            gallery.enrol(name=name, vectors=around(axis, 8, axis), key=KEY)
            for axis, name in enumerate(("anna", "ben"))
        )
    with Proposals(made) as proposals:
        proposals.propose(Walk(anna, around(0, 4, 5), "lobby.mp4, 1.0 to 9.0 s", 0.83), KEY)
        proposals.propose(Walk(ben, around(1, 3, 6), "yard.mp4, 2.0 to 8.0 s", 0.77), KEY)
    return made


def waiting(path: Path) -> dict[str, str]:
    """Return the id of the proposal for each name."""
    with Proposals(path, read_only=True) as proposals, Gallery.open(path) as gallery:
        names = gallery.names()
        return {names[p.walk.subject_id]: p.proposal_id for p in proposals.pending()}


def review(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["gallery", "review", "--gallery", str(path), *arguments])


def test_the_list_says_whose_whence_and_how_sure(path: Path) -> None:
    lines = {line.split("\t")[1]: line for line in review(path).output.splitlines()}
    assert set(lines) == {"anna 0.83", "ben 0.77"}
    anna = lines["anna 0.83"]
    assert anna.startswith(waiting(path)["anna"])
    assert "next ben " in anna and "4 templates, alike by 0.9" in anna
    assert anna.endswith("lobby.mp4, 1.0 to 9.0 s")


def test_accepting_and_rejecting_are_recorded(path: Path) -> None:
    ids = waiting(path)
    result = review(path, "--accept", ids["anna"], "--reject", ids["ben"])
    assert result.exit_code == 0, result.output
    assert "1 accepted, 1 rejected" in result.output and "calibrate" in result.output
    with Gallery.open(path) as gallery:
        assert {p.name: p.templates for p in gallery.subjects()} == {"anna": 12, "ben": 8}
    log = path.with_name(f"{path.name}.audit.jsonl").read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    assert [(x["action"], x["proposal"], x["templates"]) for x in lines] == [
        ("accepted", ids["anna"], 4),
        ("rejected", ids["ben"], 3),
    ]
    assert "nothing is proposed" in review(path).output


def test_all_of_them(path: Path) -> None:
    assert "0 accepted, 2 rejected" in review(path, "--reject", "all").output
    assert waiting(path) == {}


@pytest.mark.parametrize("option", ["--accept", "--reject"])
def test_an_id_that_is_not_there_changes_nothing(path: Path, option: str) -> None:
    result = review(path, option, waiting(path)["anna"], option, "p_NOBODY")
    assert "nothing is proposed as 'p_NOBODY'" in str(result.exception)
    assert len(waiting(path)) == 2


def test_both_at_once_is_refused(path: Path) -> None:
    one = waiting(path)["anna"]
    result = review(path, "--accept", one, "--reject", one)
    assert "not both" in str(result.exception) and len(waiting(path)) == 2


def test_expired_consent_is_shown_and_refused(path: Path) -> None:
    with Gallery.open(path) as gallery:
        gallery.enrol(
            name="ben", vectors=around(1, 1, 9), key=KEY, consent=Consent("", "2020-01-01")
        )
    (of_ben,) = [line for line in review(path).output.splitlines() if "\tben " in line]
    assert of_ben.endswith("consent has expired")
    result = review(path, "--accept", "all")
    assert "consent" in str(result.exception) and len(waiting(path)) == 2


def test_learning_needs_a_gallery_that_can_be_written(path: Path, tmp_path: Path) -> None:
    def learn(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["--video", "none.mp4", "--learn", *arguments])

    assert "--learn needs --gallery" in str(learn().exception)
    missing = learn("--gallery", str(tmp_path / "missing"))
    assert "there is no gallery yet" in str(missing.exception)
    assert missing.exception.exit_code is ExitCode.USAGE
