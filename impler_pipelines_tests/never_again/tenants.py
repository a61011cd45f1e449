"""Points 7 and 8: tenants, secrets and addresses are guarded; the mapping step can be repeated."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from impler_pipelines.control_api.app import create_app
from impler_pipelines.errors import AddressRefused
from impler_pipelines.model import Heading, ImportJob
from impler_pipelines.sources import FetchPolicy, fetch
from impler_pipelines.store import projects
from impler_pipelines_tests.control_api.conftest import host_app as app_with_key
from impler_pipelines_tests.control_api.conftest import serving
from impler_pipelines_tests.control_api.host_app import HostApp
from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.orchestration.conftest import MAPPINGS, World

PUBLIC = "93.184.215.14"  # stands for a host on the internet; nothing is sent there


@contextmanager
def host_app(world: World, project: str = "shop") -> Iterator[HostApp]:
    with world.runtime.transaction() as connection:
        access_key = projects.create_access_key(connection, project)
    with serving(create_app(world.runtime.settings)) as url, app_with_key(url, access_key) as app:
        yield app


def every_request_on(job: ImportJob) -> list[tuple[str, str]]:
    one, user = f"/v1/import-jobs/{job.id}", "/v1/import-job/user"
    return [
        ("GET", one),
        ("PUT", one),
        ("DELETE", one),
        ("GET", f"{one}/mappings"),
        ("PUT", f"{one}/mappings"),
        ("GET", f"{one}/runs"),
        ("POST", f"{one}/runs"),
        ("GET", f"{user}/{job.id}/pause"),
        ("GET", f"{user}/{job.id}/resume"),
        ("GET", f"{user}/ann/{job.id}"),
    ]


def another_tenants_key(world: World) -> None:
    job = world.add_import_job(run_now=False)
    with host_app(world, "rival") as rival:
        for method, path in every_request_on(job):
            body: dict[str, Any] | None = {} if method == "PUT" else None
            assert rival.call(method, path, body).status_code == 404, (method, path)
        assert rival.ok("GET", "/v1/import-jobs/user/ann") == []
    assert world.read(job) == job


def the_stored_secret(world: World) -> None:
    job = world.add_import_job()
    world.execute(job)
    assert world.feeds.requests[-1].header("X-Token") == "s3cret"
    with host_app(world) as app:
        paths = [f"/v1/import-jobs/{job.id}{end}" for end in ("", "/mappings", "/runs")]
        answers = [app.call("GET", path) for path in ("/v1/import-jobs/user/ann", *paths)]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert "s3cret" not in "".join(answer.text for answer in answers)


def an_address_in_disguise() -> None:
    """What counts is where a name leads when it is dialled, not how it is spelt."""
    with FeedServer() as feeds:
        feeds.serve("/feed.xml", "<a/>")
        for host in ("127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1"):
            with pytest.raises(AddressRefused):
                fetch(f"http://{host}:{feeds.port}/feed.xml", io.BytesIO(), policy=FetchPolicy())
        assert feeds.requests == []


def a_redirect_to_a_private_address() -> None:
    """The first host is public; where it redirects to is looked at like any other URL."""
    with FeedServer() as feeds, pytest.MonkeyPatch.context() as patch:
        route_public_address_to(feeds, patch)
        feeds.serve("/secret", "<a/>")
        feeds.routes["/feed.xml"] = (302, {"Location": feeds.url("/secret")}, b"")
        with pytest.raises(AddressRefused):
            fetch(f"http://{PUBLIC}:{feeds.port}/feed.xml", io.BytesIO(), policy=FetchPolicy())
        assert [request.path for request in feeds.requests] == ["/feed.xml"]


def route_public_address_to(feeds: FeedServer, patch: pytest.MonkeyPatch) -> None:
    """The network is the seam: connections to ``PUBLIC`` arrive at the loopback server."""
    connect = socket.socket.connect

    def routed(sock: socket.socket, address: Any) -> None:
        connect(sock, ("127.0.0.1", feeds.port) if address[0] == PUBLIC else address)

    patch.setattr(socket.socket, "connect", routed)


def mapping_twice(world: World) -> None:
    headings = tuple(Heading(m.path, (), 1, False) for m in MAPPINGS)
    job = world.add_import_job(run_now=False, headings=headings)
    mappings = [{"key": m.key, "path": m.path} for m in job.mappings]
    with host_app(world) as app:
        path = f"/v1/import-jobs/{job.id}/mappings"
        once, twice = [app.ok("PUT", path, mappings) for _ in range(2)]
        assert once == twice == app.ok("GET", path)
    assert [(m.key, m.path) for m in world.read(job).mappings] == [
        (m["key"], m["path"]) for m in mappings
    ]
