"""Projects and their access keys. A key is shown once, at creation; the store holds its hash."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from impler_pipelines.errors import NotFound, StateConflict
from impler_pipelines.store.audit import tell
from impler_pipelines.store.engine import new_id
from impler_pipelines.store.tables import access_keys, projects, templates

_BEGINNING = "ik_"
_SHOWN = len(_BEGINNING) + 6  # leaves 220 random bits that nobody has seen
_USED_TO_THE = dt.timedelta(hours=1)


@dataclass(frozen=True)
class AccessKey:
    """A key as it may be shown. ``revoked_at`` may lie ahead: the key is valid until then.

    ``prefix`` is unknown of keys from before it was kept; ``last_used_at`` is right to the hour.
    """

    id: str
    project_id: str
    project: str
    prefix: str | None
    created_at: dt.datetime
    last_used_at: dt.datetime | None
    revoked_at: dt.datetime | None


def _hash(access_key: str) -> str:
    # A key carries 256 random bits, so a plain digest can't be searched; no slow hash is needed.
    return hashlib.sha256(access_key.encode()).hexdigest()


def create_access_key(connection: Connection, project_name: str) -> str:
    """Make a key for the project of that name, and the project if it is new. Returns the key."""
    connection.execute(
        insert(projects)
        .values(id=new_id(), name=project_name)
        .on_conflict_do_nothing(index_elements=["name"])
    )
    project_id = find_project(connection, project_name)
    key_id, access_key = _make(connection, project_id)
    tell(connection, "access_key.created", project_id=project_id, access_key_id=key_id)
    return access_key


def find_project(connection: Connection, name: str) -> str:
    """The id of the project of that name. Raises ``NotFound``."""
    project_id: str | None = connection.scalar(select(projects.c.id).where(projects.c.name == name))
    if project_id is None:
        raise NotFound("project", name)
    return project_id


def find_access_key(connection: Connection, access_key: str) -> AccessKey | None:
    """The key that a client has sent, or None unless it is valid now.

    The look-up compares digests, and that in no constant time. What its time could tell is how
    far a guess's digest agrees with a stored one; but whoever knows even the whole digest has still
    to find 256 random bits that SHA-256 makes it of. So there is nothing to gain by the time, and
    a ``compare_digest`` after the look-up would compare what is equal already. Unknown, revoked
    and ended keys take the same one query.
    """
    row = connection.execute(
        _keys().where(access_keys.c.key_hash == _hash(access_key), _valid())
    ).one_or_none()
    return None if row is None else _key(row)


def find_key_of_session(
    connection: Connection, key_id: str, *, template_id: str
) -> AccessKey | None:
    """The key that made a session on that template; None once the key or the template is gone.

    One query, as for a key itself.
    """
    on_its_template = exists().where(
        templates.c.id == template_id,
        templates.c.project_id == access_keys.c.project_id,
        templates.c.deleted_at.is_(None),
    )
    row = connection.execute(
        _keys().where(access_keys.c.id == key_id, _valid(), on_its_template)
    ).one_or_none()
    return None if row is None else _key(row)


def project_of_key(connection: Connection, access_key: str) -> str | None:
    """The id of the project that a valid key belongs to, or None."""
    found = find_access_key(connection, access_key)
    return None if found is None else found.project_id


def note_used(connection: Connection, key: AccessKey, *, now: dt.datetime) -> None:
    """Note that the key is in use; nothing is written within an hour of the last time."""
    last = key.last_used_at
    if last is None or now - last >= _USED_TO_THE:
        same = access_keys.c.last_used_at.is_not_distinct_from(last)  # one writer, if several ask
        connection.execute(
            update(access_keys).where(access_keys.c.id == key.id, same).values(last_used_at=now)
        )


def list_access_keys(connection: Connection, *, project_id: str | None = None) -> list[AccessKey]:
    """The keys of a project, or of all of them, newest first, those that ended included."""
    query = _keys().order_by(access_keys.c.created_at.desc(), access_keys.c.id)
    if project_id is not None:
        query = query.where(access_keys.c.project_id == project_id)
    return [_key(row) for row in connection.execute(query)]


def revoke_access_key(connection: Connection, key_id: str) -> AccessKey:
    """Let the key end now, also one that would have ended later. No-op if it has ended.

    Raises ``NotFound``.
    """
    key = _locked(connection, key_id)
    now = database_time(connection)
    if key.revoked_at is not None and key.revoked_at <= now:
        return key
    tell(connection, "access_key.revoked", project_id=key.project_id, access_key_id=key.id)
    return _end(connection, key, now)


def rotate_access_key(
    connection: Connection, key_id: str, *, grace: dt.timedelta = dt.timedelta()
) -> tuple[AccessKey, str]:
    """Make a key in place of this one, which ends after ``grace``.

    Returns the old one as it is now, and the new key. Raises ``NotFound``, and ``StateConflict``
    for one that has ended or was given an end: it has been replaced.
    """
    key = _locked(connection, key_id)
    now = database_time(connection)
    if key.revoked_at is not None:
        ends = "ended" if key.revoked_at <= now else "was rotated or revoked already, and ends"
        raise StateConflict(
            f"Access key {key.id} {ends} at {key.revoked_at:%Y-%m-%d %H:%M} UTC. Rotate another"
            f" key of project {key.project!r}, or make one: keys create --project NAME."
        )
    new_key_id, access_key = _make(connection, key.project_id)
    ended = _end(connection, key, now + grace)
    tell(
        connection,
        "access_key.rotated",
        project_id=key.project_id,
        access_key_id=key.id,
        new_access_key_id=new_key_id,
        ends_at=ended.revoked_at,
    )
    return ended, access_key


def has_access_keys(connection: Connection) -> bool:
    """Whether any key exists: False only before the first start has printed one."""
    return bool(connection.scalar(select(select(access_keys.c.id).exists())))


def database_time(connection: Connection) -> dt.datetime:
    """The database's clock, in UTC."""
    now: dt.datetime = connection.execute(select(func.now())).scalar_one()
    return now


def _make(connection: Connection, project_id: str) -> tuple[str, str]:
    """A new key's id and the key."""
    key_id, access_key = new_id(), f"{_BEGINNING}{secrets.token_urlsafe(32)}"
    connection.execute(
        insert(access_keys).values(
            id=key_id,
            project_id=project_id,
            key_hash=_hash(access_key),
            prefix=access_key[:_SHOWN],
        )
    )
    return key_id, access_key


def _end(connection: Connection, key: AccessKey, at: dt.datetime) -> AccessKey:
    connection.execute(update(access_keys).where(access_keys.c.id == key.id).values(revoked_at=at))
    return _key(connection.execute(_keys().where(access_keys.c.id == key.id)).one())


def _locked(connection: Connection, key_id: str) -> AccessKey:
    query = _keys().where(access_keys.c.id == key_id).with_for_update(of=access_keys)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("access key", key_id)
    return _key(row)


def _valid() -> Any:
    return or_(access_keys.c.revoked_at.is_(None), access_keys.c.revoked_at > func.now())


def _keys() -> Select[Any]:
    shown = [c for c in access_keys.c if c.name in AccessKey.__dataclass_fields__]
    return select(*shown, projects.c.name.label("project")).join(
        projects, projects.c.id == access_keys.c.project_id
    )


def _key(row: Row[Any]) -> AccessKey:
    return AccessKey(**row._asdict())
