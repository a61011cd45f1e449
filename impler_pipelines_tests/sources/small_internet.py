"""A network in which every address is this machine, for tests of which addresses are dialled.

``python -m impler_pipelines_tests.sources.small_internet`` runs in network and mount namespaces of
its own (``unshare --net --mount``), where nothing can get out and whatever is dialled is reached:
each address of IPv4 and IPv6 is local, and answered by one web server on port 80. Names are
resolved by the system's own resolver, which asks a name server on loopback.

It reads ``{"zone": …, "fetches": {name: {"url": …, …}}}`` from standard input and writes what came
of each fetch, and who was reached by it, to standard output.
"""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any
from urllib.parse import unquote

NAMESPACES = ("unshare", "--net", "--mount")
SWALLOWING = ("2606:4700::dead", 80)  # takes no connection and refuses none
BODY = b"<rss/>"
_IPV6_FREEBIND = 78  # of Linux, which the socket module does not name
_LOCAL_TABLE = 255


def explored(zone: Mapping[str, Any], fetches: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What came of each of ``fetches`` in a network of its own."""
    command = [*NAMESPACES, sys.executable, "-m", __name__]
    done = subprocess.run(
        command,
        input=json.dumps({"zone": zone, "fetches": fetches}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=120,
    )
    return dict(json.loads(done.stdout))


def why_not() -> str | None:
    """Why this machine can't make such a network; None where it can."""
    try:
        made = subprocess.run([*NAMESPACES, "true"], capture_output=True, text=True, check=False)
    except OSError as error:
        return f"no unshare: {error.strerror}"
    return f"no namespaces here: {made.stderr.strip()}" if made.returncode else None


class _Web(ThreadingHTTPServer):
    """``/to?URL`` redirects there, ``/cookie`` sets one, everything else is a feed."""

    address_family = socket.AF_INET6
    daemon_threads = True

    def __init__(self) -> None:
        self.reached: list[dict[str, Any]] = []
        super().__init__(("::", 80), _Visit)

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        TCPServer.server_bind(self)  # HTTPServer's asks for its own name


class _Visit(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, _Web)
        address = str(self.request.getsockname()[0]).removeprefix("::ffff:")
        server.reached.append({"address": address, "headers": dict(self.headers.items())})
        path, _, query = self.path.partition("?")
        self.send_response(302 if path == "/to" else 200)
        if path == "/to":
            self.send_header("Location", unquote(query))
        self.send_header("Set-Cookie", "session=secret; Path=/")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *args: Any) -> None:
        """What came of it is told by the client."""


def _everything_is_here() -> None:
    from pyroute2 import IPRoute

    with IPRoute() as network:
        (loopback,) = network.link_lookup(ifname="lo")
        network.link("set", index=loopback, state="up")
        for everything, more in (("0.0.0.0/0", {"scope": 254}), ("::/0", {})):
            network.route(
                "add", dst=everything, oif=loopback, type="local", table=_LOCAL_TABLE, **more
            )


def _ask_only_loopback(directory: Path) -> None:
    """Have the system's resolver ask 127.0.0.1 for every name, in this mount namespace alone."""
    for name, text in {
        "resolv.conf": "nameserver 127.0.0.1\noptions timeout:2 attempts:1\n",
        "nsswitch.conf": "hosts: files dns\n",
        "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    }.items():
        file = directory / name
        file.write_text(text)
        at = Path("/etc", name)
        if at.exists():
            subprocess.run(["mount", "--bind", file, at.resolve()], check=True)


@contextmanager
def _swallowing() -> Iterator[None]:
    """An address whose queue of connections is full: Linux then ignores whoever comes."""
    with socket.socket(socket.AF_INET6) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
        listener.bind(SWALLOWING)
        listener.listen(0)
        waiting = [socket.socket(socket.AF_INET6) for _ in range(2)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(SWALLOWING)
        yield
        for one in waiting:
            one.close()


def _fetched(web: _Web, url: str, auth: str | None, seconds: float) -> dict[str, Any]:
    from impler_pipelines.errors import PipelineError
    from impler_pipelines.model import SourceAuth
    from impler_pipelines.sources import FetchPolicy, fetch

    web.reached.clear()
    into, started, error = io.BytesIO(), time.monotonic(), None
    try:
        fetch(
            url,
            into,
            policy=FetchPolicy(timeout_seconds=seconds),
            auth=SourceAuth("X-Key", auth) if auth else None,
        )
    except PipelineError as caught:
        error = caught
    return {
        "body": into.getvalue().decode(),
        "error": type(error).__name__ if error else None,
        "message": str(error) if error else "",
        "seconds": time.monotonic() - started,
        "reached": list(web.reached),
    }


def main() -> None:
    """Make the network, and fetch."""
    from impler_pipelines_tests.sources.dns_stub import NameServer

    given = json.load(sys.stdin)
    _everything_is_here()
    with tempfile.TemporaryDirectory() as directory, _swallowing():
        _ask_only_loopback(Path(directory))
        names, web = NameServer(("127.0.0.1", 53), given["zone"]), _Web()
        for server in (names, web):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        came_of = {}
        for name, one in given["fetches"].items():
            names.asked.clear()
            came_of[name] = _fetched(web, one["url"], one.get("auth"), one.get("seconds", 5.0))
            asked = {f"{host} {kind}": times for (host, kind), times in names.asked.items()}
            came_of[name]["asked"] = asked
        print(json.dumps(came_of), flush=True)
        os._exit(0)  # the servers' threads need no farewell, and the mounts end with the process


if __name__ == "__main__":
    main()
