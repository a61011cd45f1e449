"""Uploaded files on the artifact place: each in a directory of its own, until it is old."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from impler_pipelines.orchestration.artifacts import Artifacts
from impler_pipelines.store.engine import new_id

UPLOADS = "upload-"


@contextmanager
def kept(artifacts: Artifacts, file: BinaryIO) -> Iterator[str]:
    """Copy an uploaded file; gives its path. It goes again if what is done with it fails."""
    directory = f"{UPLOADS}{new_id()}"
    path = f"{directory}/file"
    file.seek(0)
    try:
        with artifacts.open(path, "wb") as into:
            shutil.copyfileobj(file, into, 1024**2)
        yield path
    except BaseException:
        artifacts.remove(directory)
        raise
