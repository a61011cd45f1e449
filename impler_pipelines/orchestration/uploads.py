"""Uploaded files on the artifact place: each in a directory of its own, until it is old."""

from __future__ import annotations

import shutil
from typing import BinaryIO

from impler_pipelines.orchestration.artifacts import Artifacts
from impler_pipelines.store.engine import new_id

UPLOADS = "upload-"


def keep_upload(artifacts: Artifacts, file: BinaryIO) -> str:
    """Copy an uploaded file; returns its path."""
    path = f"{UPLOADS}{new_id()}/file"
    file.seek(0)
    with artifacts.open(path, "wb") as into:
        shutil.copyfileobj(file, into, 1024**2)
    return path
