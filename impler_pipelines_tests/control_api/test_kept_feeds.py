from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO

import pytest

from impler_pipelines.control_api.feed_files import FeedFile, feed_file
from impler_pipelines.control_api.kept_feeds import FeedSource, KeptFeeds
from impler_pipelines.extraction import read_feed
from impler_pipelines.model import SourceAuth
from impler_pipelines.sources import FetchResult
from impler_pipelines_tests.control_api.host_app import FEED
from impler_pipelines_tests.supervisor.waiting import until

Made = Callable[[bytes], FeedFile]


@pytest.fixture
def made() -> Iterator[Made]:
    files = []

    def make(content: bytes) -> FeedFile:
        def fetched_into(file: BinaryIO) -> FetchResult:
            file.write(content)
            return FetchResult(
                200, False, "http://shop.test/", "text/xml", None, None, "", len(content), 0.0
            )

        files.append(feed_file(fetched_into))
        return files[-1]

    yield make
    for file in files:
        file.close()


@pytest.fixture
def kept() -> Iterator[KeptFeeds]:
    feeds = KeptFeeds(most_bytes=100, most_feeds=3)
    yield feeds
    feeds.close()


def of(name: str) -> FeedSource:
    return FeedSource("project", f"http://shop.test/{name}", None)


def content(file: FeedFile | None) -> bytes | None:
    """All of ``file``, which is closed."""
    if file is None:
        return None
    with closing(file), file.opened(lambda: None) as feed:
        return feed.read()


def holds(file: FeedFile) -> int:
    """How many descriptors of this process hold the file's bytes."""
    inode = os.fstat(file._fd).st_ino
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the one that listed them
            found += descriptor.stat().st_ino == inode
    return found


class TestFeedFile:
    def test_holders_read_it_at_places_of_their_own(self, made: Made) -> None:
        file = made(bytes(range(256)) * 1000)

        def read(_: int) -> bytes:
            with closing(file.copy()) as mine, mine.opened(lambda: None) as feed:
                return b"".join(iter(lambda: feed.read(1000), b""))

        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(read, range(40))) == {bytes(range(256)) * 1000}

    def test_seeks(self, made: Made) -> None:
        with made(b"abcdef").opened(lambda: None) as feed:
            assert (feed.seek(-2, os.SEEK_END), feed.read()) == (4, b"ef")
            assert (feed.seek(1), feed.read(1), feed.tell()) == (1, b"b", 2)
            assert (feed.seek(1, os.SEEK_CUR), feed.read()) == (3, b"def")

    def test_a_check_ends_a_reading(self, made: Made) -> None:
        left = iter(range(3))

        def check() -> None:
            if next(left, None) is None:
                raise KeyError

        with (
            pytest.raises(KeyError),
            made(b"<r>" + b"<i><a>x</a></i>" * 100_000 + b"</r>").opened(check) as feed,
        ):
            read_feed(feed)

    def test_is_gone_with_its_last_holder(self, made: Made) -> None:
        file = made(b"abc")
        with closing(file.copy()) as other:
            assert (holds(file), content(other.copy())) == (2, b"abc")
        assert holds(file) == 1

    def test_remembers_readings(self, made: Made) -> None:
        file = made(FEED.encode())
        reading = read_feed(FEED.encode())
        assert file.known(None) is None
        with closing(file.copy()) as other:
            other.learn(None, reading)
        for path in (None, " ", "rss > channel > item", "rss>channel>item"):
            known = file.known(path)
            assert known is not None
            assert known.record_path == "rss > channel > item"
            assert [one.path for one in known.headings] == [one.path for one in reading.headings]
        assert file.known("rss > channel") is None

    def test_remembers_no_more_than_some(self, made: Made) -> None:
        many = "".join(f"<{'n' * 400}{n}/>" for n in range(3000))
        file = made(b"")
        file.learn(None, read_feed(f"<r><i>{many}</i><i/></r>".encode()))
        assert file.known(None) is None
        for n in range(20):
            file.learn(f"r > i{n}", read_feed(f"<r><i{n}><a>1</a></i{n}><i{n}/></r>".encode()))
        assert [file.known(f"r > i{n}") is None for n in (0, 19)] == [False, True]


class TestKeptFeeds:
    def test_are_found_by_who_asks_for_what(self, kept: KeptFeeds, made: Made) -> None:
        auth = SourceAuth("X-Token", "a")
        source = FeedSource("one", "http://shop.test/", auth)
        kept.keep(source, made(b"abc"))
        assert content(kept.find(source)) == b"abc"
        same = FeedSource("one", "http://shop.test/", SourceAuth("x-token", "a"))
        assert content(kept.find(same)) == b"abc"
        for other in (
            FeedSource("two", source.url, auth),
            FeedSource("one", "http://shop.test/?", auth),
            FeedSource("one", source.url, None),
            FeedSource("one", source.url, SourceAuth("X-Token", "b")),
            FeedSource("one", source.url, SourceAuth("X-Other", "a")),
        ):
            assert kept.find(other) is None

    def test_the_newest_takes_the_place_of_the_last(self, kept: KeptFeeds, made: Made) -> None:
        old, new = made(b"old"), made(b"new")
        kept.keep(of("a"), old)
        kept.keep(of("a"), new)
        assert content(kept.find(of("a"))) == b"new"
        assert (holds(old), holds(new)) == (1, 2)

    def test_the_one_used_longest_ago_goes_first(self, kept: KeptFeeds, made: Made) -> None:
        files = {name: made(name.encode()) for name in "abcd"}
        for name in "abc":
            kept.keep(of(name), files[name])
        assert content(kept.find(of("a"))) == b"a"
        kept.keep(of("d"), files["d"])
        assert [content(kept.find(of(name))) for name in "abcd"] == [b"a", None, b"c", b"d"]
        assert holds(files["b"]) == 1

    def test_bytes_are_bound(self, kept: KeptFeeds, made: Made) -> None:
        kept.keep(of("a"), made(b"x" * 60))
        kept.keep(of("b"), made(b"y" * 40))
        assert content(kept.find(of("a"))) == b"x" * 60
        kept.keep(of("c"), made(b"z"))
        assert [content(kept.find(of(name))) for name in "abc"][1:] == [None, b"z"]
        kept.keep(of("a"), made(b"x" * 101))
        assert [content(kept.find(of(name))) for name in "ac"] == [None, b"z"]

    def test_they_go_in_time_though_nobody_asks(self, made: Made) -> None:
        kept, file = KeptFeeds(seconds=0.2), made(b"abc")
        kept.keep(of("a"), file)
        kept.keep(of("b"), made(b"x"))
        assert holds(file) == 2
        until(lambda: holds(file) == 1, "it went")
        kept.keep(of("a"), file)
        until(lambda: holds(file) == 1, "it went again")
        kept.close()

    def test_one_that_was_dropped_is_read_to_its_end(self, kept: KeptFeeds, made: Made) -> None:
        kept.keep(of("a"), made(b"abc"))
        found = kept.find(of("a"))
        kept.close()
        assert content(found) == b"abc"

    def test_nothing_is_kept_in_the_end(self, kept: KeptFeeds, made: Made) -> None:
        file = made(b"abc")
        kept.keep(of("a"), file)
        kept.close()
        kept.keep(of("b"), file)
        assert (holds(file), kept.find(of("b"))) == (1, None)
