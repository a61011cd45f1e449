"""Reads a feed for a person who waits for the answer: headings and record path, first rows.

The bytes go through a temporary file, as they do in a run. Few feeds are read at a time, so that
slow servers never take the threads that pausing and listing need; fewer for one user of a widget,
so that nobody takes the places of all others.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from copy import copy
from dataclasses import asdict, replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, BinaryIO, TypeVar

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from impler_pipelines.control_api.auth import CurrentSession
from impler_pipelines.control_api.feed_fetching import FeedFetcher
from impler_pipelines.control_api.feed_files import FeedFile
from impler_pipelines.control_api.feed_progress import Progress, apart
from impler_pipelines.control_api.kept_feeds import FeedSource, KeptFeeds
from impler_pipelines.control_api.places import Places
from impler_pipelines.control_api.previewing import Draft, Extent, Preview, preview
from impler_pipelines.control_api.problems import WebPageGiven
from impler_pipelines.errors import (
    FeedHasNoRecords,
    RequestInvalid,
    StateConflict,
    WebPageFound,
)
from impler_pipelines.extraction import FeedReading, read_feed
from impler_pipelines.model import SourceAuth, Upload
from impler_pipelines.orchestration.artifacts import Artifacts
from impler_pipelines.orchestration.limits import feed_limits
from impler_pipelines.settings import Settings
from impler_pipelines.sources import public_url
from impler_pipelines.sources.discovery import find_announced_feeds
from impler_pipelines.store.import_jobs import check_mappings

if TYPE_CHECKING:
    from impler_pipelines.extraction.uploads import UploadReading

T = TypeVar("T")
_AT_A_TIME = 16
_OF_ONE_USER = 6
_RETRY_AFTER_SECONDS = 10


class FeedReader:
    """Reads feeds under the settings' caps, for a host app unless ``for_user`` says for whom."""

    def __init__(self, settings: Settings, kept: KeptFeeds | None = None) -> None:
        self._feeds = FeedFetcher(settings, kept or KeptFeeds())
        self._limits = feed_limits(settings)
        self._artifacts_url = settings.artifacts_base_url
        self._places = Places(_AT_A_TIME, _OF_ONE_USER)
        self._user: Hashable | None = None

    def for_user(self, user: Hashable) -> FeedReader:
        """The same reader, of whose places this user may have some."""
        reader = copy(self)
        reader._user = user
        return reader

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
        progress = Progress()
        source = FeedSource("", url, auth)
        with self._turn(), closing(self._feeds.fetched(source, progress)) as file:
            return self._reading(source, file, record_path, progress, or_detect=or_detect)

    def inspect(
        self, source: FeedSource, record_path: str | None, told: Callable[[FeedReading], T]
    ) -> T:
        """What is ``told`` of the reading of a feed that is fetched anew, and kept for previews.

        Raises as ``read`` does, and what ``told`` raises.
        """
        with self._turn():
            return told(self._inspected(source, record_path, Progress()))

    def inspect_apart(
        self,
        source: FeedSource,
        record_path: str | None,
        told: Callable[[FeedReading], T],
        progress: Progress,
    ) -> Future[T]:
        """The same in a thread of its own, which ``progress`` follows and may interrupt.

        HTTP 503 is raised at once.
        """

        def work() -> T:
            try:
                return told(self._inspected(source, record_path, progress))
            finally:
                self._places.give_back(self._user)

        self._take_turn()
        try:
            return apart(work)
        except RuntimeError:  # there is no thread to be had
            self._places.give_back(self._user)
            raise

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

    def preview(self, source: FeedSource, draft: Draft, extent: Extent) -> Preview:
        """Fetch a feed and say what a run by ``draft`` would load and refuse.

        Raises as ``read`` does, and what ``preview`` raises.
        """
        with self._turn(), closing(self._feeds.fetched(source, Progress())) as file:
            return self._previewed(source, file, draft, extent)

    def preview_kept(self, source: FeedSource, draft: Draft, extent: Extent) -> Preview:
        """The same of the feed as it is kept; where it is not, it is fetched and kept.

        Raises ``RequestInvalid``, too, for a draft that does not fit the feed.
        """
        with self._turn(), closing(self._feeds.kept_or_fetched(source, Progress())) as file:
            return self._previewed(source, file, draft, extent)

    def preview_upload(self, upload: Upload, draft: Draft, extent: Extent) -> Preview:
        """The same of a file that was uploaded; ``StateConflict`` if it is no longer kept."""
        artifacts = Artifacts(self._artifacts_url)
        if not artifacts.exists(upload.path):
            raise StateConflict(
                f"The file {upload.file_name!r} is no longer kept: upload it again."
            )
        with self._turn(), artifacts.open(upload.path) as file:
            return in_a_new_thread(
                partial(preview, file, None, draft, extent, self._limits, upload)
            )

    def close(self) -> None:
        """Let go of what is kept."""
        self._feeds.close()

    def _inspected(
        self, source: FeedSource, record_path: str | None, progress: Progress
    ) -> FeedReading:
        with closing(self._feeds.fetched_and_kept(source, progress)) as file:
            reading = self._reading(source, file, record_path, progress)
            file.learn(record_path, reading)
            return reading

    def _reading(
        self,
        source: FeedSource,
        file: FeedFile,
        record_path: str | None,
        progress: Progress,
        *,
        or_detect: bool = False,
    ) -> FeedReading:
        def read(feed: BinaryIO) -> FeedReading:
            return self._read(feed, file.content_type, record_path, or_detect, progress)

        progress.read(0)
        return _opened(file, source, read, progress)

    def _previewed(
        self, source: FeedSource, file: FeedFile, draft: Draft, extent: Extent
    ) -> Preview:
        def read(feed: BinaryIO) -> Preview:
            fitted = draft if draft.fits else self._fitted(feed, file, draft)
            return preview(feed, file.content_type, fitted, extent, self._limits)

        return _opened(file, source, read, Progress())

    def _fitted(self, feed: BinaryIO, file: FeedFile, draft: Draft) -> Draft:
        """``draft`` with its record path found and its mappings compared with the headings."""
        known = file.known(draft.record_path)
        if known is None:
            reading = self._read(feed, file.content_type, draft.record_path, False, Progress())
            known = file.learn(draft.record_path, reading)
        check_mappings(draft.mappings, columns=draft.columns, headings=known.headings)
        return replace(draft, record_path=known.record_path, fits=True)

    def _read(
        self,
        file: BinaryIO,
        content_type: str | None,
        record_path: str | None,
        or_detect: bool,
        progress: Progress,
    ) -> FeedReading:
        file.seek(0)
        try:
            reading = read_feed(
                file,
                content_type=content_type,
                record_path=record_path,
                limits=self._limits,
                on_progress=progress.read,
            )
        except FeedHasNoRecords as error:
            if record_path is None:
                raise
            if not or_detect:
                raise RequestInvalid.of("recordPath", str(error)) from error
            return self._read(file, content_type, None, or_detect, progress)
        if reading.record_count or record_path is None:
            return reading
        return self._without_records(file, content_type, reading, or_detect, progress)

    def _without_records(
        self,
        file: BinaryIO,
        content_type: str | None,
        reading: FeedReading,
        or_detect: bool,
        progress: Progress,
    ) -> FeedReading:
        """A record path that finds nothing is a mistake, unless the feed is empty for now.

        It is empty for now when its format alone says that this is where its records stand.
        """
        try:
            detected = self._read(file, content_type, None, or_detect, progress)
        except FeedHasNoRecords:
            detected = None
        if detected is not None and (or_detect or detected.record_path == reading.record_path):
            return detected
        raise RequestInvalid.of("recordPath", f"the feed has no record at {reading.record_path!r}")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        self._take_turn()
        try:
            yield
        finally:
            self._places.give_back(self._user)

    def _take_turn(self) -> None:
        most = self._places.take(self._user)
        if most is not None:
            whose = "" if most == self._places.many else " for you"
            raise HTTPException(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{most} feeds are being read{whose} already: try again in a moment.",
                headers={"Retry-After": str(_RETRY_AFTER_SECONDS)},
            )


def _opened(
    file: FeedFile, source: FeedSource, read: Callable[[BinaryIO], T], progress: Progress
) -> T:
    with file.opened(progress.interruption.check) as feed:
        try:
            return in_a_new_thread(partial(read, feed))
        except WebPageFound as error:
            found = find_announced_feeds(feed, file.url, file.content_type)
            announced = [asdict(one) for one in found]
            raise WebPageGiven(public_url(source.url), announced) from error


def in_a_new_thread(read: Callable[[], T]) -> T:
    """The result of ``read``. lxml keeps every name it has seen until the thread ends that saw it.

    In the server's own threads, which live on, hostile feeds would fill the memory with names.
    """
    with ThreadPoolExecutor(max_workers=1) as alone:
        return alone.submit(read).result()


async def _feed_reader_of(request: Request, session: CurrentSession) -> FeedReader:
    reader: FeedReader = request.app.state.feed_reader
    if session is None:
        return reader
    return reader.for_user((session.project_id, session.external_user_id))


Feeds = Annotated[FeedReader, Depends(_feed_reader_of)]
