from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_gallery import bytes_on_disk

from rt_gait.errors import GalleryError
from rt_gait.identity.consent import Consent
from rt_gait.identity.gallery import Gallery
from rt_gait.identity.proposals import PENDING_MOST, Proposals, Walk
from rt_gait.identity.records import TemplateKey
from rt_gait.types import FloatArray

Maker = Callable[..., FloatArray]


@pytest.fixture
def alice(gallery: Gallery, key: TemplateKey, some_vectors: Maker) -> str:
    return gallery.enrol(name="Alice", vectors=some_vectors(3), key=key, source="alice.mp4")


@pytest.fixture
def walk(alice: str, some_vectors: Maker) -> Walk:
    return Walk(alice, some_vectors(4, seed=1), "lobby.mp4, 1.0 to 9.0 s", 0.81)


def test_a_proposal_is_compared_with_nothing_until_it_is_accepted(
    gallery: Gallery, key: TemplateKey, walk: Walk
) -> None:
    before = gallery.templates(key).vectors
    with Proposals(gallery.path) as proposals:
        assert proposals.pending() == []
        proposal_id = proposals.propose(walk, key)
        assert proposal_id is not None
        (waiting,) = proposals.pending()
        assert (waiting.proposal_id, waiting.walk.score) == (proposal_id, 0.81)
        assert waiting.walk.source == walk.source
        assert gallery.templates(key).vectors.tobytes() == before.tobytes()
        proposals.accept([proposal_id])
        assert proposals.pending() == []
    rows = {row.tobytes() for row in gallery.templates(key).vectors}
    assert rows == {r.tobytes() for r in (*before, *waiting.walk.vectors)}
    (person,) = gallery.subjects()
    assert person.templates == 7


def test_what_is_rejected_or_forgotten_leaves_no_bytes(
    gallery: Gallery, key: TemplateKey, walk: Walk, some_vectors: Maker
) -> None:
    other = replace(walk, vectors=some_vectors(2, seed=2), source="secret-yard.mp4")
    with Proposals(gallery.path) as proposals:
        first, second = proposals.propose(walk, key), proposals.propose(other, key)
        assert first and second
        held = {p.proposal_id: p.walk.vectors[0].tobytes() for p in proposals.pending()}
        assert all(trace in bytes_on_disk(gallery.path.parent) for trace in held.values())
        proposals.reject([first])
        assert held[first] not in bytes_on_disk(gallery.path.parent)
        assert b"lobby.mp4" not in bytes_on_disk(gallery.path.parent)
        assert held[second] in bytes_on_disk(gallery.path.parent)
        gallery.remove("Alice")
        left = bytes_on_disk(gallery.path.parent)
        traces = (held[second], b"secret-yard", second.encode(), walk.subject_id.encode())
        assert [t for t in traces if t in left] == []
        assert proposals.pending() == []


def test_nothing_is_kept_of_people_who_are_not_there_or_whose_consent_has_expired(
    gallery: Gallery, key: TemplateKey, walk: Walk, some_vectors: Maker
) -> None:
    with Proposals(gallery.path) as proposals:
        assert proposals.propose(replace(walk, subject_id="s_00000000"), key) is None
        proposal_id = proposals.propose(walk, key)
        assert proposal_id
        gone = Consent("form 1", "2020-01-01")
        gallery.enrol(name="Alice", vectors=some_vectors(1), key=key, consent=gone)
        assert proposals.propose(replace(walk, source="later.mp4"), key) is None
        with pytest.raises(GalleryError, match="consent"):
            proposals.accept([proposal_id])
        assert [p.proposal_id for p in proposals.pending()] == [proposal_id]
        proposals.reject([proposal_id])
        assert proposals.pending() == []


def test_the_same_walk_comes_once_and_a_camera_cannot_fill_the_gallery(
    gallery: Gallery, key: TemplateKey, walk: Walk
) -> None:
    with Proposals(gallery.path) as proposals:
        proposal_id = proposals.propose(walk, key)
        assert proposal_id
        assert proposals.propose(walk, key) is None
        proposals.accept([proposal_id])
        assert proposals.propose(walk, key) is None, "it is among the templates already"
        for number in range(PENDING_MOST):
            assert proposals.propose(replace(walk, source=f"{number}"), key)
        assert proposals.propose(replace(walk, source="one more"), key) is None


def test_all_or_none_is_accepted_and_other_models_are_refused(
    gallery: Gallery, key: TemplateKey, walk: Walk
) -> None:
    with Proposals(gallery.path) as proposals:
        proposal_id = proposals.propose(walk, key)
        assert proposal_id
        for change in (proposals.accept, proposals.reject):
            with pytest.raises(GalleryError, match="p_NOBODY"):
                change([proposal_id, "p_NOBODY"])
        assert [p.proposal_id for p in proposals.pending()] == [proposal_id]
        with pytest.raises(GalleryError, match="made with model"):
            proposals.propose(
                replace(walk, source="x"), TemplateKey("other@1", "person_seg@9f8e7d6c")
            )


def test_proposals_stay_sealed_in_an_encrypted_gallery(
    gallery: Gallery,
    key: TemplateKey,
    walk: Walk,
    some_vectors: Maker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("cryptography", reason="needs cryptography: the extra encryption")
    monkeypatch.setenv("RT_GAIT_GALLERY_KEY", "5a" * 32)
    with Proposals(gallery.path) as proposals:
        before = proposals.propose(walk, key)
        gallery.encrypt()
        later = replace(walk, vectors=some_vectors(2, seed=5), source="yard.mp4")
        after = proposals.propose(later, key)
        assert before and after
        vectors = np.concatenate([p.walk.vectors for p in proposals.pending()])
        assert len(vectors) == 6
        assert not any(v.tobytes() in bytes_on_disk(gallery.path.parent) for v in vectors)
        proposals.accept([before, after])
    assert {v.tobytes() for v in vectors} < {v.tobytes() for v in gallery.templates(key).vectors}


def test_listing_needs_no_right_to_write(
    gallery: Gallery, key: TemplateKey, walk: Walk, tmp_path: Path
) -> None:
    with Proposals(gallery.path) as proposals:
        proposals.propose(walk, key)
    gallery.close()
    gallery.path.chmod(0o400)
    before = bytes_on_disk(tmp_path)
    with Proposals(gallery.path, read_only=True) as proposals:
        assert len(proposals.pending()) == 1
    assert bytes_on_disk(tmp_path) == before
