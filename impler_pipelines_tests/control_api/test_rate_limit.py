"""Buckets by a clock of their own, and the limit as clients meet it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from impler_pipelines.control_api.app import create_app
from impler_pipelines.control_api.rate_limit import RateLimit
from impler_pipelines.settings import Settings
from impler_pipelines_tests.control_api.conftest import host_app, new_key, serving
from impler_pipelines_tests.control_api.host_app import problem
from impler_pipelines_tests.log_lines import listening


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def admitted(limit: RateLimit, name: str, tries: int) -> int:
    """How many of so many requests at one moment have a token."""
    number = 0
    for _ in range(tries):
        if not limit.wait(name):
            limit.take(name)
            number += 1
    return number


class TestBuckets:
    @pytest.mark.parametrize("per_minute", [1, 7, 60, 6000])
    def test_hold_a_minutes_requests(self, clock: Clock, per_minute: int) -> None:
        limit = RateLimit(per_minute, clock=clock)
        assert admitted(limit, "a", per_minute + 5) == per_minute
        assert limit.wait("a") == pytest.approx(60 / per_minute)

    def test_fill_up_evenly_and_no_further(self, clock: Clock) -> None:
        limit = RateLimit(6, clock=clock)
        admitted(limit, "a", 6)
        clock.now += 25
        assert admitted(limit, "a", 6) == 2
        clock.now += 3600
        assert admitted(limit, "a", 100) == 6

    def test_are_each_names_own(self, clock: Clock) -> None:
        limit = RateLimit(2, clock=clock)
        assert [admitted(limit, name, 3) for name in ("a", "b")] == [2, 2]

    def test_what_is_taken_without_a_token_is_waited_for(self, clock: Clock) -> None:
        limit = RateLimit(60, clock=clock)
        for _ in range(70):
            limit.take("a")
        assert limit.wait("a") == pytest.approx(11)

    def test_there_may_be_no_limit(self, clock: Clock) -> None:
        assert admitted(RateLimit(None, clock=clock), "a", 10_000) == 10_000

    def test_memory_has_an_end(self, clock: Clock) -> None:
        limit = RateLimit(1, clock=clock)
        limit.take("first")
        for number in range(9_999):
            limit.take(number)
        assert limit.wait("first") > 0
        limit.take("one more")
        assert limit.wait("first") == 0
        assert limit.wait(9_998) > 0


@pytest.fixture
def limited(settings: Settings) -> Callable[[int], Settings]:
    return lambda number: settings.model_copy(update={"max_requests_per_minute": number})


class TestRequests:
    def test_of_a_key_above_the_limit_are_429(
        self, limited: Callable[[int], Settings], engine: Engine
    ) -> None:
        with (
            listening() as lines,
            serving(create_app(limited(5))) as url,
            host_app(url, new_key(engine)) as app,
            host_app(url, new_key(engine)) as other,
        ):
            for _ in range(5):
                app.ok("GET", "/v1/templates")
            answer = app.call("POST", "/v1/templates", {})
            assert answer.status_code == 429
            told = problem(answer)
            assert "may send 5 requests a minute" in told["message"]
            assert 1 <= int(answer.headers["Retry-After"]) <= 12
            assert f"in {answer.headers['Retry-After']} s" in told["message"]
            assert other.ok("GET", "/v1/templates") == []
            app.ok("GET", "/healthz")
            metrics = app.call("GET", "/metrics").text
        (line,) = [line for line in lines.of("request.answered") if line["status"] == 429]
        assert line["access_key_id"]
        assert line["access_key_id"] in {each.get("access_key_id") for each in lines.all()[:5]}
        assert 'impler_api_requests_total{method="POST",route="none",status="429"} 1.0' in metrics

    def test_without_a_known_key_are_429_for_a_tenth(
        self, limited: Callable[[int], Settings], engine: Engine
    ) -> None:
        known, new = new_key(engine), new_key(engine)
        with serving(create_app(limited(30))) as url:

            def status(key: str | None) -> int:
                with host_app(url, key) as app:
                    answer = app.call("GET", "/v1/templates")
                    if answer.status_code != 200:
                        problem(answer)
                    return answer.status_code

            assert status(known) == 200
            assert [status(f"ik_{n}") for n in range(4)] == [401, 401, 401, 429]
            assert status(None) == 429
            assert status(new) == 429  # it might be a guess that is right
            assert status(known) == 200

    @pytest.mark.parametrize(
        ("other", "status"),
        [
            pytest.param("203.0.113.7", 401, id="another"),
            pytest.param("203.0.113.5", 429, id="the-same"),
            pytest.param("2001:db8:1:2::9", 429, id="of-the-same-network"),
            pytest.param("2001:db8:1:3::1", 401, id="of-another-network"),
        ],
    )
    def test_without_a_key_are_limited_by_address(
        self, limited: Callable[[int], Settings], other: str, status: int
    ) -> None:
        """A proxy on this machine says whose requests they are."""
        with serving(create_app(limited(10))) as url, host_app(url, None) as app:

            def asks(address: str) -> int:
                headers = {"X-Forwarded-For": address}
                return app.call("GET", "/v1/templates", headers=headers).status_code

            for address in ("203.0.113.5", "2001:db8:1:2::1"):
                assert [asks(address), asks(address)] == [401, 429]
            assert asks(other) == status

    @pytest.mark.parametrize("blank", ["", "0", " "])
    def test_have_no_limit_where_there_is_none(
        self, blank: str, tmp_path: Path, settings: Settings, access_key: str
    ) -> None:
        without = Settings.load(
            home=tmp_path, database_url=settings.database_url, max_requests_per_minute=blank
        )
        assert without.max_requests_per_minute is None
        with serving(create_app(without)) as url, host_app(url, access_key) as app:
            for _ in range(3):
                app.ok("GET", "/v1/templates")
                assert httpx.get(f"{url}/v1/templates", verify=False, timeout=30).status_code == 401
