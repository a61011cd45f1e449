"""Uploaded files: a user's files on a template are one import job, so that their rows stay one set.

It keeps no file: it knows where each lies.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, insert, select, update

from impler_pipelines.errors import NotFound, StateConflict
from impler_pipelines.model import (
    FieldMapping,
    Heading,
    ImportJob,
    ImportJobStatus,
    TemplateMode,
    Upload,
)
from impler_pipelines.store.codec import COLUMNS, HEADINGS, MAPPINGS, UPLOAD, encode
from impler_pipelines.store.engine import new_id
from impler_pipelines.store.import_job_rows import LIVE, read_row, to_import_job
from impler_pipelines.store.import_jobs.mappings import check_mappings
from impler_pipelines.store.import_jobs.states import settle
from impler_pipelines.store.import_jobs.telling import tell
from impler_pipelines.store.tables import import_jobs, templates


@dataclass(frozen=True)
class NewUpload:
    """A file that was read. ``mappings`` None: those of the user's last file, where they fit."""

    external_user_id: str
    upload: Upload
    headings: tuple[Heading, ...]
    mappings: tuple[FieldMapping, ...] | None
    extra: dict[str, Any] | None


def take_upload(
    connection: Connection,
    new: NewUpload,
    *,
    project_id: str,
    template_id: str,
    now: dt.datetime,
) -> ImportJob:
    """Make the file the user's next one on the template, and ask for its run if it is mapped.

    Raises ``NotFound`` for a template that was deleted meanwhile, ``StateConflict`` for one that
    takes feeds, ``RequestInvalid`` for mappings that do not fit the file or the template.
    """
    template = connection.execute(
        select(templates)
        .where(
            templates.c.id == template_id,
            templates.c.project_id == project_id,
            templates.c.deleted_at.is_(None),
        )
        .with_for_update(key_share=True)  # two first files of one user come one after the other
    ).one_or_none()
    if template is None:
        raise NotFound("template", template_id)
    refuse_unless_manual(template.name, template.mode)
    known = connection.execute(
        select(import_jobs.c.id, import_jobs.c.mappings)
        .where(
            import_jobs.c.template_id == template_id,
            import_jobs.c.external_user_id == new.external_user_id,
            import_jobs.c.upload.is_not(None),
            LIVE,
        )
        .with_for_update()
    ).one_or_none()
    columns = COLUMNS.validate_python(template.columns)
    if new.mappings is not None:
        check_mappings(new.mappings, columns=columns, headings=new.headings)
        mappings = new.mappings
    else:
        former = MAPPINGS.validate_python(known.mappings) if known else ()
        mappings = _that_fit(former, new.headings, {column.key for column in columns})
    values: dict[str, Any] = {
        "headings": encode(HEADINGS, new.headings),
        "record_path": new.upload.record_path,
        "mappings": encode(MAPPINGS, mappings),
        "upload": encode(UPLOAD, replace(new.upload, asked=False)),
        "updated_at": now,
    }
    if known is None:
        job_id = new_id()
        connection.execute(
            insert(import_jobs).values(
                id=job_id,
                project_id=project_id,
                template_id=template_id,
                external_user_id=new.external_user_id,
                url="",
                extra=new.extra or {},
                status=ImportJobStatus.MAPPING,
                timezone="UTC",
                filters=[],
                run_on_activation=False,
                created_at=now,
                **values,
            )
        )
    else:
        job_id = known.id
        if new.extra is not None:
            values["extra"] = new.extra
        connection.execute(update(import_jobs).where(import_jobs.c.id == job_id).values(**values))
    row = read_row(connection, job_id, headings=True)
    return tell(connection, "import_job.uploaded", to_import_job(settle(connection, row, now=now)))


def refuse_unless_manual(name: str, mode: str) -> None:
    """Raise ``StateConflict`` for a template that takes feeds."""
    if mode != TemplateMode.MANUAL:
        raise StateConflict(
            f"Template {name!r} is of mode 'automatic': it takes the URL of a feed, no file."
            " Set its mode to 'manual' to upload files."
        )


def _that_fit(
    former: tuple[FieldMapping, ...], headings: tuple[Heading, ...], keys: set[str]
) -> tuple[FieldMapping, ...]:
    paths = {heading.path for heading in headings}
    return tuple(one for one in former if one.path in paths and one.key in keys)
