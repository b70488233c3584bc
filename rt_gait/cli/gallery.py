"""``rt-gait gallery``: who is enrolled, and changing it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rt_gait.errors import UsageError

gallery_app = typer.Typer(
    help="List, show, check, rename, forget, export or import enrolled people; review proposals."
)

File = Annotated[
    Path | None, typer.Option("--gallery", help="Gallery file (default people.gallery)")
]
Name = Annotated[str, typer.Argument(help="Name of a person")]
DEFAULT_GALLERY = Path("people.gallery")
FEW_TEMPLATES = 6


def gallery_path(given: Path | None) -> Path:
    """Return the gallery to use: the one given, that of the settings, or the default."""
    from rt_gait.config import load_settings

    return load_settings(None, gallery=given).gallery or DEFAULT_GALLERY


@gallery_app.command("list")
def list_people(gallery: File = None) -> None:
    """List who is enrolled."""
    from rt_gait.identity.gallery import Gallery

    with Gallery.open(gallery_path(gallery), read_only=True) as opened:
        people = opened.subjects()
    for person in people:
        typer.echo(
            f"{person.name}\t{person.subject_id}\t{person.templates} templates\t{person.created_at}"
        )
    if not people:
        typer.echo("nobody is enrolled", err=True)


@gallery_app.command()
def show(name: Name, gallery: File = None) -> None:
    """Show one person: pseudonym, templates, models."""
    from rt_gait.identity.gallery import Gallery
    from rt_gait.identity.records import check_name

    wanted = check_name(name)
    with Gallery.open(gallery_path(gallery), read_only=True) as opened:
        person = next((p for p in opened.subjects() if p.name == wanted), None)
        key = opened.key
        consent = opened.consents().get(person.subject_id) if person else None
    if person is None:
        raise UsageError(f"nobody is enrolled as {name!r}; see rt-gait gallery list")
    typer.echo(f"name        {person.name}")
    typer.echo(f"subject id  {person.subject_id}")
    typer.echo(f"enrolled    {person.created_at}")
    typer.echo(f"templates   {person.templates}")
    if consent is not None:
        typer.echo(
            f"consent     {consent.reference or '-'}, until {consent.expires or 'withdrawn'}"
        )
    if key is not None:
        typer.echo(f"gait model  {key.model}\nsegmenter   {key.segmenter}")


@gallery_app.command()
def check(
    gallery: File = None,
    least: Annotated[
        float, typer.Option(min=-1, max=1, help="Similarity from which two people are alike")
    ] = 0.5,
) -> None:
    """Look for people enrolled twice, and for templates that look like somebody else."""
    from rt_gait.identity.gallery import Gallery
    from rt_gait.identity.inspection import alike, strays

    with Gallery.open(gallery_path(gallery), read_only=True) as opened:
        key, names, people = opened.key, opened.names(), opened.subjects()
        templates = None if key is None else opened.templates(key)
    if templates is None:
        typer.echo("nobody is enrolled", err=True)
        return
    pairs = alike(templates, least)
    told = {frozenset((pair.subject_id, pair.other_id)) for pair in pairs}
    held = {person.subject_id: person.templates for person in people}
    findings = [
        f"{names[pair.subject_id]} and {names[pair.other_id]} are alike by {pair.score:.3f}: "
        "the same person, or two that this model hardly tells apart"
        for pair in pairs
    ]
    findings += [
        f"{count} templates of {names[subject_id]} are nearer to {names[other]} than to the "
        "rest of their own: was somebody else in the video?"
        for subject_id, count, other in strays(templates)
        if frozenset((subject_id, other)) not in told or 2 * count < held[subject_id]
    ]
    findings += [
        f"{person.name} has {person.templates} templates: enrol more walks, from other sides"
        for person in people
        if person.templates < FEW_TEMPLATES
    ]
    for line in findings or ["nothing odd was found"]:
        typer.echo(line)


@gallery_app.command()
def rename(name: Name, new_name: Name, gallery: File = None) -> None:
    """Give a person another name."""
    from rt_gait.identity.audit import audit
    from rt_gait.identity.gallery import Gallery

    path = gallery_path(gallery)
    with Gallery.open(path) as opened, audit(path) as record:
        subject_id = opened.find(name)
        opened.rename(name, new_name)
        record("renamed", subject_id)


@gallery_app.command("remove", hidden=True)
@gallery_app.command()
def forget(name: Name, gallery: File = None) -> None:
    """Wipe a person and everything held of them from the file."""
    from rt_gait.identity.audit import audit
    from rt_gait.identity.gallery import Gallery

    path = gallery_path(gallery)
    with Gallery.open(path) as opened, audit(path) as record:
        subject_id = opened.find(name)
        try:
            opened.remove(name)
        finally:
            if subject_id not in opened.names():
                record("forgotten", subject_id)
    typer.echo(
        "forgotten here; exports, copies of this file and videos that you made are not reached",
        err=True,
    )


@gallery_app.command()
def encrypt(gallery: File = None) -> None:
    """Encrypt the templates, with the key in RT_GAIT_GALLERY_KEY_FILE."""
    from rt_gait.identity.audit import audit
    from rt_gait.identity.gallery import Gallery

    path = gallery_path(gallery)
    with Gallery.create_or_open(path) as opened, audit(path) as record:
        opened.encrypt()
        record("encrypted")


@gallery_app.command()
def export(
    file: Annotated[Path, typer.Argument(help="File to write; it is not encrypted")],
    gallery: File = None,
) -> None:
    """Write everything into one JSON file, for import elsewhere."""
    from rt_gait.identity.audit import audit
    from rt_gait.identity.gallery import Gallery

    path = gallery_path(gallery)
    with Gallery.open(path, read_only=True) as opened, audit(path) as record:
        opened.export(file)
        for subject_id in opened.names():
            record("exported", subject_id, file=file.name)


@gallery_app.command("import")
def import_people(
    file: Annotated[Path, typer.Argument(help="File made by export")], gallery: File = None
) -> None:
    """Take in people from an export."""
    from rt_gait.identity.audit import audit
    from rt_gait.identity.exchange import read_export
    from rt_gait.identity.gallery import Gallery

    read_export(file)  # refuses a bad file before a gallery is made for it
    path = gallery_path(gallery)
    with Gallery.create_or_open(path) as opened, audit(path) as record:
        before = opened.names()
        added = opened.import_(file)
        for subject_id in opened.names().keys() - before.keys():
            record("imported", subject_id, file=file.name)
    typer.echo(f"{added} templates added", err=True)
