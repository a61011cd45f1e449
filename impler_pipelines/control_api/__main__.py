"""``python -m impler_pipelines.control_api``: serve the control API until SIGTERM or SIGINT."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType

import uvicorn

from impler_pipelines import logs
from impler_pipelines.control_api.app import create_app
from impler_pipelines.errors import SettingInvalid
from impler_pipelines.settings import Settings

_GRACE_SECONDS = 4  # for requests that are being answered
_FORCE_SECONDS = 6.0


class _Server(uvicorn.Server):
    """Ends within seconds of a signal, even while a thread still waits for a slow feed.

    Python can't stop a thread, and would wait for it at its end. Nothing is lost: what a request
    changes is one transaction.
    """

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        watchdog = threading.Timer(_FORCE_SECONDS, os._exit, (0,))
        watchdog.daemon = True
        watchdog.start()
        super().handle_exit(sig, frame)


def main() -> int:
    """Serve on ``IMPLER_API_HOST`` and ``IMPLER_API_PORT``. Returns the process's exit code."""
    try:
        settings = Settings.load()
        logs.configure("api", form=settings.log_format, level=settings.log_level, libraries=True)
        app = create_app(settings, migrate=True)
    except SettingInvalid as error:
        print(error, file=sys.stderr)  # one line, without a traceback
        return 2
    # uvicorn raises the signal again once it has shut down: that ends this process in good order.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    config = uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,  # ours names routes: paths hold users' ids
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = _Server(config)
    logs.note("api.starting", host=settings.api_host, port=settings.api_port)
    try:
        server.run()
    finally:
        logs.note("api.stopped")
    return 0 if server.started else 1


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
