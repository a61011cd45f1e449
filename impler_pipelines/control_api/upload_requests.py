"""Uploaded files as requests send them: the form checked, the file read and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from fastapi import UploadFile
from pydantic import TypeAdapter, ValidationError

from impler_pipelines.control_api.feed_reading import FeedReader
from impler_pipelines.control_api.gathering import Gathered
from impler_pipelines.control_api.plain_json import parse_object
from impler_pipelines.control_api.schemas.import_jobs import MappingBody
from impler_pipelines.errors import FeedUnreadable, LimitExceeded, RequestInvalid
from impler_pipelines.extraction import normalise_path
from impler_pipelines.model import Column, FieldMapping, Upload
from impler_pipelines.orchestration.artifacts import Artifacts
from impler_pipelines.orchestration.uploads import keep_upload
from impler_pipelines.store.import_jobs import NewUpload, check_mappings

_USER_LENGTH = 256
_NAME_LENGTH = 256
_MAPPINGS = TypeAdapter(list[MappingBody])


@dataclass(frozen=True)
class Form:
    """What comes beside the file."""

    external_user_id: str
    extra: dict[str, Any] | None
    mappings: tuple[FieldMapping, ...] | None


def read_form(
    external_user_id: str | None,
    extra: str | None,
    mappings: str | None,
    columns: Sequence[Column],
) -> Form:
    """The form's fields. Raises ``RequestInvalid`` with all that is wrong with them."""
    gathered = Gathered()
    values: dict[str, Any] | None = None
    mapped: tuple[FieldMapping, ...] | None = None
    with gathered.check():
        values = None if extra is None else parse_object(extra, "extra")
    with gathered.check():
        mapped = None if mappings is None else _mappings(mappings)
        check_mappings(mapped or (), columns=columns, headings=None)
    user = external_user_id or (values or {}).get("externalUserId")
    if not isinstance(user, str) or not 1 <= len(user) <= _USER_LENGTH or "\0" in user:
        gathered.add("externalUserId", f"is required: a text of 1 to {_USER_LENGTH} characters")
    gathered.raise_any()
    return Form(str(user), values, mapped)


def read_new_upload(
    form: Form,
    file: UploadFile,
    record_path: str | None,
    feeds: FeedReader,
    artifacts: Artifacts,
) -> NewUpload:
    """The file, read to its end and kept. Raises ``RequestInvalid`` if it can't be read."""
    name = (file.filename or "file").replace("\0", "")[-_NAME_LENGTH:]
    try:
        reading = feeds.read_file(
            file.file, file_name=name, content_type=file.content_type, record_path=record_path
        )
    except (FeedUnreadable, LimitExceeded) as error:
        raise RequestInvalid.of("file", str(error)) from error
    headings = tuple(
        replace(heading, path=normalise_path(heading.path)) for heading in reading.headings
    )
    if form.mappings is not None:
        check_mappings(form.mappings, columns=_named(form.mappings), headings=headings)
    path = keep_upload(artifacts, file.file)
    upload = Upload(path, name, file.content_type, reading.record_path)
    return NewUpload(form.external_user_id, upload, headings, form.mappings, form.extra)


def _mappings(text: str) -> tuple[FieldMapping, ...]:
    try:
        bodies = _MAPPINGS.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(["mappings", *map(str, first["loc"])])
        raise RequestInvalid.of(where, first["msg"]) from error
    return tuple(FieldMapping(one.key, normalise_path(one.path), one.repeated) for one in bodies)


def _named(mappings: Sequence[FieldMapping]) -> list[Column]:
    """Columns of just these keys: whether the template has them is known already."""
    return [Column(key, key) for key in dict.fromkeys(one.key for one in mappings)]
