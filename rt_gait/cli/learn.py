"""``--learn`` and ``rt-gait gallery review``: proposing templates, and judging the proposals."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rt_gait.cli.gallery import File, gallery_path
from rt_gait.errors import RtGaitError, UsageError

if TYPE_CHECKING:
    from rt_gait.assembly import Assembled
    from rt_gait.config import Settings
    from rt_gait.identity.learning import Learner
    from rt_gait.identity.proposals import Proposal, Walk

ALL = "all"


def check_learning(settings: Settings) -> None:
    """Refuse, before anything is loaded, to learn where that cannot be kept.

    Raises:
        UsageError: there is no gallery.
        OutputError: it, or its audit log, cannot be written.
    """
    from rt_gait.identity.audit import audit
    from rt_gait.identity.proposals import Proposals

    if not settings.learn:
        return
    if settings.gallery is None:
        raise UsageError("--learn needs --gallery: it proposes walks of people enrolled there")
    with Proposals(settings.gallery), audit(settings.gallery):
        pass


def open_learner(
    settings: Settings, assembled: Assembled, source_name: str, tell_warning: Callable[[str], None]
) -> Learner:
    """Return the output of a run that proposes walks to its gallery.

    A walk that cannot be kept is told and lost; the run goes on.
    """
    from rt_gait.identity.audit import audit
    from rt_gait.identity.learning import Learner
    from rt_gait.identity.proposals import Proposals

    path = settings.gallery or Path()

    def propose(walk: Walk) -> None:
        name = assembled.names.get(walk.subject_id, walk.subject_id)
        try:
            with Proposals(path) as proposals, audit(path) as record:
                proposal_id = proposals.propose(walk, assembled.key)
                if proposal_id is None:
                    return
                count = len(walk.vectors)
                record("proposed", walk.subject_id, proposal=proposal_id, templates=count)
        except RtGaitError as error:
            tell_warning(f"a walk of {name} could not be proposed: {error}")
            return
        sys.stderr.write(
            f"proposed {proposal_id}: {name} in {walk.source}; see rt-gait gallery review\n"
        )

    return Learner(assembled.limits, source_name, propose)


def review(
    accept: Annotated[
        list[str] | None, typer.Option("--accept", metavar="ID", help="Make it templates; or all")
    ] = None,
    reject: Annotated[
        list[str] | None, typer.Option("--reject", metavar="ID", help="Wipe it; or all")
    ] = None,
    gallery: File = None,
) -> None:
    """List what runs with --learn propose as templates; accept or reject it."""
    from rt_gait.identity.audit import audit
    from rt_gait.identity.proposals import Proposals

    path = gallery_path(gallery)
    if not (accept or reject):
        _tell(path)
        return
    with Proposals(path) as proposals, audit(path) as record:
        pending = {p.proposal_id: p for p in proposals.pending()}
        taken = _chosen(accept or [], pending)
        wiped = _chosen(reject or [], pending)
        if both := set(taken) & set(wiped):
            raise UsageError(f"accept it or reject it, not both: {', '.join(sorted(both))}")
        try:
            if taken:
                proposals.accept(taken)
            if wiped:
                proposals.reject(wiped)
        finally:  # what is changed is recorded, even where wiping has to wait
            left = {p.proposal_id for p in proposals.pending()}
            for i in (i for i in [*taken, *wiped] if i not in left):
                walk = pending[i].walk
                action = "accepted" if i in taken else "rejected"
                record(action, walk.subject_id, proposal=i, templates=len(walk.vectors))
    typer.echo(f"{len(taken)} accepted, {len(wiped)} rejected", err=True)
    if taken:
        typer.echo(
            "more templates, higher scores of strangers: calibrate the gallery again", err=True
        )


def _chosen(ids: list[str], pending: dict[str, Proposal]) -> list[str]:
    if ALL in ids:
        return list(pending)
    if missing := [i for i in ids if i not in pending]:
        raise UsageError(
            f"nothing is proposed as {missing[0]!r}; see rt-gait gallery review without options"
        )
    return list(dict.fromkeys(ids))


def _tell(path: Path) -> None:
    from rt_gait.identity.gallery import Gallery
    from rt_gait.identity.inspection import consistency, nearest
    from rt_gait.identity.matching import Templates
    from rt_gait.identity.proposals import Proposals

    with (
        Proposals(path, read_only=True) as proposals,
        Gallery.open(path, read_only=True) as opened,
    ):
        pending, names, key, gone = (
            proposals.pending(),
            opened.names(),
            opened.key,
            opened.expired(),
        )
        templates = Templates.none() if key is None else opened.templates(key)
    for p in pending:
        walk = p.walk
        other = nearest(walk.vectors, templates, leave_out=walk.subject_id)
        near = "nobody else" if other is None else f"{names[other.other_id]} {other.score:.2f}"
        expired = "\tconsent has expired" if walk.subject_id in gone else ""
        typer.echo(
            f"{p.proposal_id}\t{names[walk.subject_id]} {walk.score:.2f}\tnext {near}\t"
            f"{len(walk.vectors)} templates, alike by "
            f"{float(consistency(walk.vectors).mean()):.2f}\t{p.created_at}\t{walk.source}{expired}"
        )
    if not pending:
        typer.echo("nothing is proposed", err=True)
