"""Uploaded files as requests send them: the form checked, the file read. It keeps nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fastapi import UploadFile
from pydantic import TypeAdapter, ValidationError

from impler_pipelines.control_api.feed_reading import FeedReader
from impler_pipelines.control_api.gathering import Gathered
from impler_pipelines.control_api.plain_json import parse_object
from impler_pipelines.control_api.schemas.import_jobs import MappingBody
from impler_pipelines.control_api.session_bodies import own_extra, own_user
from impler_pipelines.control_api.sessions import Session
from impler_pipelines.errors import FeedUnreadable, LimitExceeded, RequestInvalid
from impler_pipelines.extraction import FeedReading, normalise_path
from impler_pipelines.model import Column, FieldMapping, Heading, Upload
from impler_pipelines.store.import_jobs import NewUpload, check_mappings

if TYPE_CHECKING:
    from impler_pipelines.extraction.uploads import UploadReading

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
    session: Session | None,
) -> Form:
    """The form's fields. Raises ``RequestInvalid`` with all that is wrong with them.

    With a session, user and ``extra`` are held to it (HTTP 403).
    """
    gathered = Gathered()
    values: dict[str, Any] | None = None
    mapped: tuple[FieldMapping, ...] | None = None
    with gathered.check():
        values = None if extra is None else parse_object(extra, "extra")
    with gathered.check():
        mapped = None if mappings is None else _mappings(mappings)
        check_mappings(mapped or (), columns=columns, headings=None)
    if session is not None:
        external_user_id = own_user(external_user_id, session)
        values = own_extra(values, session) if values or session.extra else values
    user = external_user_id or (values or {}).get("externalUserId")
    if not isinstance(user, str) or not 1 <= len(user) <= _USER_LENGTH or "\0" in user:
        gathered.add("externalUserId", f"is required: a text of 1 to {_USER_LENGTH} characters")
    gathered.raise_any()
    return Form(str(user), values, mapped)


def read_file(
    form: Form,
    file: UploadFile,
    record_path: str | None,
    columns: Sequence[Column],
    feeds: FeedReader,
) -> UploadReading | FeedReading:
    """What the file holds, read to its end; the form's mappings have to fit it.

    Raises ``RequestInvalid``, on ``file`` if it can't be read.
    """
    try:
        reading = feeds.read_file(
            file.file,
            file_name=_name_of(file),
            content_type=file.content_type,
            record_path=record_path,
        )
    except (FeedUnreadable, LimitExceeded) as error:
        raise RequestInvalid.of("file", str(error)) from error
    if form.mappings is not None:
        check_mappings(form.mappings, columns=columns, headings=_headings(reading))
    return reading


def new_upload(
    form: Form, file: UploadFile, reading: UploadReading | FeedReading, path: str
) -> NewUpload:
    """The same as the store takes it, with the ``path`` that the file is kept at."""
    upload = Upload(path, _name_of(file), file.content_type, reading.record_path)
    return NewUpload(form.external_user_id, upload, _headings(reading), form.mappings, form.extra)


def _headings(reading: UploadReading | FeedReading) -> tuple[Heading, ...]:
    """As mappings name them: any text may stand in a table's header."""
    return tuple(replace(one, path=normalise_path(one.path)) for one in reading.headings)


def _name_of(file: UploadFile) -> str:
    return (file.filename or "file").replace("\0", "")[-_NAME_LENGTH:]


def _mappings(text: str) -> tuple[FieldMapping, ...]:
    try:
        bodies = _MAPPINGS.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(["mappings", *map(str, first["loc"])])
        raise RequestInvalid.of(where, first["msg"]) from error
    return tuple(FieldMapping(one.key, normalise_path(one.path), one.repeated) for one in bodies)
