"""Projects and their access keys. A key is shown once, at creation; the store holds its hash."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from impler_pipelines.store.engine import new_id
from impler_pipelines.store.tables import access_keys, projects


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
    project_id = connection.scalar(select(projects.c.id).where(projects.c.name == project_name))
    access_key = f"ik_{secrets.token_urlsafe(32)}"
    connection.execute(
        insert(access_keys).values(id=new_id(), project_id=project_id, key_hash=_hash(access_key))
    )
    return access_key


def project_of_key(connection: Connection, access_key: str) -> str | None:
    """The id of the project that an unrevoked key belongs to, or None.

    The look-up is by digest, so its time tells nothing about how much of a guess was right.
    """
    project_id: str | None = connection.scalar(
        select(access_keys.c.project_id).where(
            access_keys.c.key_hash == _hash(access_key), access_keys.c.revoked_at.is_(None)
        )
    )
    return project_id


def has_access_keys(connection: Connection) -> bool:
    """Whether any key exists: False only before the first start has printed one."""
    return bool(connection.scalar(select(select(access_keys.c.id).exists())))


def database_time(connection: Connection) -> dt.datetime:
    """The database's clock, in UTC."""
    now: dt.datetime = connection.execute(select(func.now())).scalar_one()
    return now
