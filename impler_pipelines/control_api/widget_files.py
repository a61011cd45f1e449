"""The widget's files, read and compressed once, at start. It serves none.

Only what was found then can be asked for: a path that leads elsewhere names nothing here.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "widget"
_KINDS = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_ORIGINS = "{{origins}}"


@dataclass(frozen=True)
class Content:
    """Bytes as they are sent, under an ETag of their own (RFC 9110, section 8.8.3.3)."""

    body: bytes
    etag: str


@dataclass(frozen=True)
class Asset:
    """One file. ``gzipped`` is None where compression makes it no smaller."""

    media_type: str
    plain: Content
    gzipped: Content | None


class WidgetFiles:
    """The files of one folder: assets by their path in it, and the page that loads them."""

    def __init__(self, folder: Path = _FOLDER) -> None:
        self._page = (folder / "index.html").read_text()
        self.assets: Mapping[str, Asset] = {
            path.relative_to(folder).as_posix(): _asset(path)
            for path in sorted(folder.rglob("*"))
            if path.suffix in _KINDS and path.is_file()
        }

    def page(self, origins: Sequence[str]) -> str:
        """The page, which may talk to pages of these origins."""
        return self._page.replace(_ORIGINS, html.escape(json.dumps(list(origins))))


def _asset(path: Path) -> Asset:
    body = path.read_bytes()
    compressed = gzip.compress(body, mtime=0)
    digest = hashlib.sha256(body).hexdigest()[:32]
    return Asset(
        _KINDS[path.suffix],
        Content(body, f'"{digest}"'),
        Content(compressed, f'"{digest}-gzip"') if len(compressed) < len(body) else None,
    )
