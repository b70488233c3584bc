"""What of an export is missing in a gallery, added to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rt_gait.errors import GalleryError
from rt_gait.identity.exchange import Contents
from rt_gait.identity.gallery_errors import shown
from rt_gait.identity.gallery_store import Store
from rt_gait.identity.records import SubjectRecord, TemplateRecord


def merge(store: Store, path: Path, contents: Contents) -> int:
    """Add the people and templates that are missing, inside ``Database.change``.

    A person who is here already, by id, keeps name and consent.

    Returns:
        Number of templates added.

    Raises:
        GalleryError: the export was made by other models, or a name or a template belongs to
            another person in the gallery at ``path``.
    """
    if contents.key is None:
        return 0
    store.check_fit(contents.key, len(contents.subjects[0].templates[0].vector))
    names, owners = store.names(), store.template_owners()
    taken = set(names.values())
    added = 0
    for subject in contents.subjects:
        new = subject.subject_id not in names
        if new and subject.name in taken:
            raise GalleryError(
                f"{subject.name!r} is somebody else here; rename one of the two and import "
                f"again, nothing was imported: {shown(path)}"
            )
        record = replace(
            subject,
            templates=_missing(subject, owners, path),
            consent=subject.consent if new else None,
        )
        store.insert(record, contents.key, new=new)
        added += len(record.templates)
    return added


def _missing(
    subject: SubjectRecord, owners: dict[str, str], path: Path
) -> tuple[TemplateRecord, ...]:
    if any(
        owners.get(t.template_id, subject.subject_id) != subject.subject_id
        for t in subject.templates
    ):
        raise GalleryError(
            f"a template of {subject.name!r} belongs to somebody else here; the export "
            f"does not fit this gallery, nothing was imported: {shown(path)}"
        )
    return tuple(t for t in subject.templates if t.template_id not in owners)
