"""Record batches in, typed rows and rejects out. Pure: no network, database, environment or clock.

``map_batches`` is the one way in; ``check_columns`` and ``check_filters`` say at definition time
what ``map_batches`` would otherwise meet at run time; ``suggest`` says which heading a column
probably comes from. What is accepted is a table in ``docs/mapping.md``.
"""

from impler_pipelines.mapping.columns import check_columns
from impler_pipelines.mapping.filters import check_filters
from impler_pipelines.mapping.mapper import ROW_KEY, MappedBatch, map_batches, row_schema
from impler_pipelines.mapping.row_keys import digest_rows

__all__ = [
    "ROW_KEY",
    "MappedBatch",
    "check_columns",
    "check_filters",
    "digest_rows",
    "map_batches",
    "row_schema",
]
