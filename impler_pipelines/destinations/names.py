"""The names of destination tables: which are acceptable, and which one a template gets by default.

It never looks into a database; who owns a name is the store's question.
"""

from __future__ import annotations

import re
import unicodedata

from impler_pipelines.errors import RequestInvalid

LONGEST = 63  # bytes: PostgreSQL cuts longer identifiers off (NAMEDATALEN - 1)

_BARE = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{0,{LONGEST - 1}}}")
_RESERVED = "sqlite_"  # names that SQLite keeps for itself (https://sqlite.org/fileformat2.html)


def check_table_name(name: str, field: str = "destinations.0.table") -> str:
    """Give ``name`` back if it is a bare identifier; else raise ``RequestInvalid`` on ``field``.

    A bare identifier is an ASCII letter, then up to 62 ASCII letters, digits or underscores: no
    quotes, no dots, no schema. SQL keywords are fine, names are always quoted.
    """
    if not _BARE.fullmatch(name):
        raise RequestInvalid.of(
            field,
            f"{name!r} is not a table name: it takes a letter, then up to {LONGEST - 1} letters,"
            " digits or underscores, without a schema or quotes",
        )
    if name.lower().startswith(_RESERVED):
        raise RequestInvalid.of(field, f"{name!r}: names that start with {_RESERVED} are SQLite's")
    return name


def default_table_name(template_name: str, *, number: int = 1) -> str:
    """A bare identifier made of a template's name: ``Ünique Shoes (2026)`` → ``unique_shoes_2026``.

    - accents are dropped, everything but ASCII letters and digits becomes one underscore;
    - a name without such characters (another script) becomes ``rows``;
    - one that starts with a digit, or with what SQLite reserves, gets ``t_`` before it;
    - ``number`` above 1 is appended (``products_2``), for a name that is taken already;
    - the result has at most 63 bytes, the number included.
    """
    plain = unicodedata.normalize("NFKD", template_name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "rows"
    if slug[0].isdigit() or slug.startswith(_RESERVED):
        slug = f"t_{slug}"
    suffix = f"_{number}" if number > 1 else ""
    return slug[: LONGEST - len(suffix)].rstrip("_") + suffix
