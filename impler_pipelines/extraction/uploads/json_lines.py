"""JSON lines: an object a line, or one array of objects.

Objects inside objects give paths (``address > city``), lists of plain values repeat, and lists of
anything else are their JSON text. Numbers keep the form they are written in; null is missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from impler_pipelines.errors import FileMalformed, LimitExceeded
from impler_pipelines.extraction.limits import Limits
from impler_pipelines.extraction.uploads.table import Table
from impler_pipelines.extraction.uploads.texts import Chunks, codec_of, text_of
from impler_pipelines.extraction.values import Values

RECORD_PATH = "lines"
_DEEPEST = 64
_MOST_ARRAY_CHARACTERS = 64 * 1024**2


class _Number(str):
    """A number as it is written."""


def read_table(again: Chunks, content_type: str | None, limits: Limits) -> Table:
    """The records of JSON lines, or of an array. Raises ``FileMalformed``, ``LimitExceeded``."""
    warnings: list[str] = []
    codec = codec_of(again, content_type, warnings.append)
    with text_of(again, codec) as text:
        is_array = text.read(1024).lstrip("\ufeff \t\r\n").startswith("[")

    def records() -> Iterator[Values]:
        objects = _array(again, codec) if is_array else _lines(again, codec, limits)
        for number, (line, found) in enumerate(objects):
            if number >= limits.max_elements:
                raise limits.exceeded("max_elements")
            if not isinstance(found, dict):
                raise FileMalformed("it is no JSON object", line=line)
            values: Values = {}
            _read(found, "", values, line, 1)
            yield values

    return Table("json" if is_array else "jsonl", RECORD_PATH, (), records, (), warnings)


def _lines(again: Chunks, codec: str, limits: Limits) -> Iterator[tuple[int, object]]:
    with text_of(again, codec) as text:
        number = 0
        try:
            while line := text.readline(limits.max_record_bytes):
                number += 1
                if len(line) >= limits.max_record_bytes:
                    raise limits.exceeded("max_record_bytes")
                if bare := line.strip("\ufeff \t\r\n"):
                    yield number, _parsed(bare, number)
        except UnicodeError as error:
            raise FileMalformed("its bytes are no text", line=number + 1) from error


def _array(again: Chunks, codec: str) -> Iterator[tuple[int | None, object]]:
    with text_of(again, codec) as text:
        content = text.read(_MOST_ARRAY_CHARACTERS)
        if text.read(1):
            raise LimitExceeded(
                "A JSON array is too large: write an object a line",
                f"{_MOST_ARRAY_CHARACTERS} characters",
            )
    found = _parsed(content.strip("\ufeff \t\r\n"), 1)
    if not isinstance(found, list):
        raise FileMalformed("it is no JSON object", line=1)
    for one in found:
        yield None, one


def _parsed(text: str, line: int) -> object:
    try:
        return json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise FileMalformed(
            f"it is not valid JSON ({error.msg.lower()})", line=line + error.lineno - 1
        ) from error
    except (ValueError, RecursionError) as error:
        raise FileMalformed(f"it is not valid JSON ({error})", line=line) from error


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no number")


def _read(
    found: dict[str, object], path: str, values: Values, line: int | None, depth: int
) -> None:
    if depth > _DEEPEST:
        raise FileMalformed(f"it is nested deeper than {_DEEPEST} levels", line=line)
    for key, value in found.items():
        name = re.sub(r"\s*>\s*|\s+", " ", key).strip() or "_"
        where = f"{path} > {name}" if path else name
        if isinstance(value, dict):
            _read(value, where, values, line, depth + 1)
            continue
        texts = _texts(value)
        if texts:
            former = values.get(where, [])
            all_texts = [*([former] if isinstance(former, str) else former), *texts]
            values[where] = all_texts[0] if len(all_texts) == 1 else all_texts


def _texts(value: object) -> list[str]:
    """The texts of one value: none for null, several for a list of plain ones."""
    if isinstance(value, list):
        if any(isinstance(one, dict | list) for one in value):
            return [_written(value)]
        return [text for one in value for text in _texts(one)]
    if value is None:
        return []
    text = value.strip() if isinstance(value, str) else str(value).lower()
    return [str(text)] if text else []


def _written(value: object) -> str:
    """JSON text in which numbers stand as they did."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, dict):
        pairs = (f"{json.dumps(k, ensure_ascii=False)}: {_written(v)}" for k, v in value.items())
        return f"{{{', '.join(pairs)}}}"
    return json.dumps(value, ensure_ascii=False)
