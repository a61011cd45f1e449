"""Which template owns which table of which database. It makes no table."""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection, insert, or_, select, text, update
from sqlalchemy.engine import URL, make_url

from impler_pipelines.errors import RequestInvalid
from impler_pipelines.store.tables import table_owners, templates

MAX_TABLE_NAME = 63  # bytes, PostgreSQL's limit for an identifier
_MOST_SUFFIXES = 10_000
_BACKENDS = {"postgres": "postgresql", "mariadb": "mysql"}
_PORTS = {"postgresql": 5432, "mysql": 3306}


class TableClaims:
    """The claims of one template in one transaction; no other template claims meanwhile.

    A table belongs to the template that claimed it first, whether or not it still loads into it.
    A deleted template leaves its tables to templates of the same project.
    """

    def __init__(self, connection: Connection, *, template_id: str, project_id: str) -> None:
        # One lock for all tables: two templates that claim two tables crosswise would deadlock.
        connection.execute(text("LOCK TABLE impler.table_owners IN SHARE ROW EXCLUSIVE MODE"))
        self._connection = connection
        self._template_id, self._project_id = template_id, project_id
        self._used: set[tuple[str, str]] = set()

    def claim(self, url: str | None, table: str | None, *, default: str, field: str) -> str:
        """Make the template the owner of a table in the database at ``url``; returns its name.

        Without ``table`` it is ``default``, with a suffix where that is taken. Raises
        ``RequestInvalid`` on ``field`` for a table of another template or another destination.
        """
        database = _identity(url)
        if table is not None:
            if (database, table.lower()) in self._used:
                message = f"{table!r} is the table of another destination of this template"
                raise RequestInvalid.of(field, message)
            if not self._own(database, table):
                raise RequestInvalid.of(field, f"the table {table!r} belongs to another template")
            return table
        taken = self._taken(database, default)
        for number in range(1, _MOST_SUFFIXES):
            suffix = "" if number == 1 else f"_{number}"
            name = default[: MAX_TABLE_NAME - len(suffix)] + suffix
            if name.lower() not in taken and self._own(database, name):
                return name
        raise RequestInvalid.of(field, f"{default!r} is taken: name another one")

    def _taken(self, database: str, default: str) -> set[str]:
        """Names like ``default`` that are not to be had, in lower case; one query for them all."""
        stem = default[: MAX_TABLE_NAME - len(str(_MOST_SUFFIXES))].lower()
        query = (
            select(table_owners.c.table_name)
            .join(templates, table_owners.c.template_id == templates.c.id)
            .where(
                table_owners.c.database == database,
                table_owners.c.table_name.startswith(stem, autoescape=True),
                templates.c.id != self._template_id,
                or_(
                    templates.c.deleted_at.is_(None),
                    templates.c.project_id != self._project_id,
                ),
            )
        )
        used = {name for where, name in self._used if where == database}
        return used | set(self._connection.scalars(query))

    def _own(self, database: str, table: str) -> bool:
        key = {"database": database, "table_name": table.lower()}
        where = [table_owners.c[name] == value for name, value in key.items()]
        owner = self._connection.execute(
            select(templates.c.id, templates.c.project_id, templates.c.deleted_at)
            .join(table_owners, table_owners.c.template_id == templates.c.id)
            .where(*where)
        ).one_or_none()
        if owner is None:
            self._connection.execute(
                insert(table_owners).values(**key, template_id=self._template_id)
            )
        elif owner.id != self._template_id:
            if owner.deleted_at is None or owner.project_id != self._project_id:
                return False
            self._connection.execute(
                update(table_owners).where(*where).values(template_id=self._template_id)
            )
        self._used.add((database, table.lower()))
        return True


def public_url_of(url: str | None) -> str | None:
    """A database's URL without user, password and options, as it may be stored and shown."""
    if url is None:
        return None
    whole = make_url(url)
    public = URL.create(whole.drivername, host=whole.host, port=whole.port, database=whole.database)
    return public.render_as_string()


def _identity(url: str | None) -> str:
    """Tells databases apart by where they are, not by who logs in."""
    if url is None:
        return "default"
    parsed = make_url(url)
    name = parsed.get_backend_name()
    backend = _BACKENDS.get(name, name)
    host = (parsed.host or "").lower().rstrip(".")
    place = f"{backend}|{host}|{parsed.port or _PORTS.get(backend)}|{parsed.database}"
    return hashlib.sha256(place.encode()).hexdigest()[:32]
