"""Owns regular expressions written by users: whether they compile, and matching by the column.

They run on RE2 alone (Arrow's own, in time linear in the text), never on a backtracking engine.
A pattern is searched for anywhere in the text, as JSON Schema's ``pattern`` is.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import re2

# Linear time is pattern times text: the memory that a compiled pattern may take bounds the first.
_PATTERN_MEMORY = 256 * 1024
_LONGEST_PATTERN = 1000


def pattern_problem(pattern: str) -> str | None:
    """Why the pattern can't be used, or None."""
    if not pattern or len(pattern) > _LONGEST_PATTERN:
        return f"a pattern has 1 to {_LONGEST_PATTERN} characters, this one {len(pattern)}"
    options = re2.Options()
    options.max_mem = _PATTERN_MEMORY
    options.log_errors = False
    try:
        re2.compile(pattern, options=options)
        matches(pa.array([""]), pattern)  # Arrow carries an RE2 of its own, maybe an older one
    except (re2.error, pa.ArrowInvalid) as error:
        return (
            f"the pattern {pattern!r} is not understood ({_reason(error)}): it takes RE2 syntax,"
            " which has no lookaround and no backreferences"
        )
    return None


def matches(texts: pa.Array, pattern: str) -> pa.Array:
    """Where the pattern is found; null where the text is missing."""
    return pc.match_substring_regex(texts, pattern)


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else error
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
