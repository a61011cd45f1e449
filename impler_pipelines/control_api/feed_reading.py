"""Reads a feed for a person who waits for the answer: headings and record path, no rows.

The bytes go through a temporary file under the settings' caps, as they do in a run. Few feeds are
read at a time, so that slow servers never take the threads that pausing and listing need.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, BinaryIO, TypeVar

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from impler_pipelines.control_api.previewing import Preview, preview
from impler_pipelines.control_api.problems import WebPageGiven
from impler_pipelines.errors import (
    FeedHasNoRecords,
    RequestInvalid,
    StateConflict,
    WebPageFound,
)
from impler_pipelines.extraction import FeedReading, read_feed
from impler_pipelines.model import ImportPlan, SourceAuth, Upload
from impler_pipelines.orchestration.limits import feed_limits, fetch_policy
from impler_pipelines.orchestration.runtime import Runtime
from impler_pipelines.settings import Settings
from impler_pipelines.sources import fetch, public_url
from impler_pipelines.sources.discovery import find_announced_feeds
from impler_pipelines.store.host_turns import HostTurns

if TYPE_CHECKING:
    from impler_pipelines.extraction.uploads import UploadReading

T = TypeVar("T")
_AT_A_TIME = 16
_RETRY_AFTER_SECONDS = 10
_LONGEST_WAIT_SECONDS = 30.0  # for a turn at a host: a person is waiting


class FeedReader:
    """Fetches and reads feeds under the settings' caps."""

    def __init__(self, settings: Settings) -> None:
        self._policy = fetch_policy(settings)
        self._limits = feed_limits(settings)
        self._turns = HostTurns(settings.store_url)
        self._free = threading.BoundedSemaphore(_AT_A_TIME)

    def read(
        self,
        url: str,
        auth: SourceAuth | None,
        record_path: str | None,
        *,
        or_detect: bool = False,
    ) -> FeedReading:
        """Fetch ``url`` and say what it holds; its ``records`` can't be read afterwards.

        ``or_detect`` detects the record path where the feed has no record at ``record_path``.
        The host has its turn first (``HostBusy``: another request takes longer than one waits).
        Raises what ``fetch`` and ``read_feed`` raise, ``RequestInvalid`` (field ``recordPath``) for
        a path that the feed lacks, ``WebPageGiven`` for the address of a web page, and HTTP 503
        while too many feeds are being read.
        """

        def read(file: BinaryIO, content_type: str | None) -> FeedReading:
            return self._read(file, content_type, record_path, or_detect)

        return self._fetched(url, auth, read)

    def read_file(
        self, file: BinaryIO, *, file_name: str, content_type: str | None, record_path: str | None
    ) -> UploadReading | FeedReading:
        """What a file holds that was uploaded. Raises what ``read_upload`` raises, and HTTP 503
        while too many feeds are being read."""
        # Workbooks and the like are read by those who upload them alone.
        from impler_pipelines.extraction.uploads import read_upload

        def read() -> UploadReading | FeedReading:
            file.seek(0)
            return read_upload(
                file,
                file_name=file_name,
                content_type=content_type,
                record_path=record_path,
                limits=self._limits,
            )

        with self._turn():
            return in_a_new_thread(read)

    def preview(
        self, runtime: Runtime, plan: ImportPlan, *, limit: int, upload: Upload | None = None
    ) -> Preview:
        """Fetch the feed of an import job, or open the file that was uploaded, and say what a run
        would load and refuse.

        Raises what ``fetch`` and extraction raise, as ``read`` does, and ``StateConflict`` for a
        file that is no longer kept.
        """

        def read(file: BinaryIO, content_type: str | None) -> Preview:
            return preview(
                runtime, plan, file, content_type, self._limits, limit=limit, upload=upload
            )

        if upload is None:
            return self._fetched(plan.url, plan.auth, read)
        if not runtime.artifacts.exists(upload.path):
            raise StateConflict(
                f"The file {upload.file_name!r} is no longer kept: upload it again."
            )
        with self._turn(), runtime.artifacts.open(upload.path) as file:
            return in_a_new_thread(partial(read, file, None))

    def _fetched(
        self, url: str, auth: SourceAuth | None, read: Callable[[BinaryIO, str | None], T]
    ) -> T:
        # A file without a name: nothing is left of it, however this process ends.
        with self._turn(), tempfile.TemporaryFile() as file:
            fetched = fetch(url, file, policy=self._policy, auth=auth, turn=self._at_host)
            try:
                return in_a_new_thread(partial(read, file, fetched.content_type))
            except WebPageFound as error:
                found = find_announced_feeds(file, fetched.url, fetched.content_type)
                raise WebPageGiven(public_url(url), [asdict(feed) for feed in found]) from error

    def _read(
        self, file: BinaryIO, content_type: str | None, record_path: str | None, or_detect: bool
    ) -> FeedReading:
        file.seek(0)
        try:
            reading = read_feed(
                file, content_type=content_type, record_path=record_path, limits=self._limits
            )
        except FeedHasNoRecords as error:
            if record_path is None:
                raise
            if not or_detect:
                raise RequestInvalid.of("recordPath", str(error)) from error
            return self._read(file, content_type, None, or_detect)
        if reading.record_count or record_path is None:
            return reading
        return self._without_records(file, content_type, reading, or_detect)

    def _without_records(
        self, file: BinaryIO, content_type: str | None, reading: FeedReading, or_detect: bool
    ) -> FeedReading:
        """A record path that finds nothing is a mistake, unless the feed is empty for now.

        It is empty for now when its format alone says that this is where its records stand.
        """
        try:
            detected = self._read(file, content_type, None, or_detect)
        except FeedHasNoRecords:
            detected = None
        if detected is not None and (or_detect or detected.record_path == reading.record_path):
            return detected
        raise RequestInvalid.of("recordPath", f"the feed has no record at {reading.record_path!r}")

    def _at_host(self, host: str, seconds: float) -> AbstractContextManager[None]:
        return self._turns.turn(host, min(seconds, _LONGEST_WAIT_SECONDS))

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._free.acquire(blocking=False):
            raise HTTPException(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{_AT_A_TIME} feeds are being read already: try again in a moment.",
                headers={"Retry-After": str(_RETRY_AFTER_SECONDS)},
            )
        try:
            yield
        finally:
            self._free.release()


def in_a_new_thread(read: Callable[[], T]) -> T:
    """The result of ``read``. lxml keeps every name it has seen until the thread ends that saw it.

    In the server's own threads, which live on, hostile feeds would fill the memory with names.
    """
    with ThreadPoolExecutor(max_workers=1) as alone:
        return alone.submit(read).result()


async def _feed_reader_of(request: Request) -> FeedReader:
    reader: FeedReader = request.app.state.feed_reader
    return reader


Feeds = Annotated[FeedReader, Depends(_feed_reader_of)]
