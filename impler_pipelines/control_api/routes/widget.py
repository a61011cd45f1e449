"""The widget as browsers load it: its page for an iframe, its files, the script for host apps.

None of it needs a key or a session: what it shows it asks the API for, with the session's token.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from impler_pipelines.control_api.conditional import accepts_gzip, is_known
from impler_pipelines.control_api.routes.parameters import TemplateId
from impler_pipelines.control_api.store_access import Store
from impler_pipelines.control_api.widget_files import WidgetFiles
from impler_pipelines.errors import StoreUnavailable
from impler_pipelines.store.origins import origins_of_template

router = APIRouter(include_in_schema=False)

_READ = ["GET", "HEAD"]
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data:; font-src 'self'; form-action 'none'; base-uri 'none';"
    " frame-ancestors {}"
)
_EVERY_FILE = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
_IN_WORDS = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="impler-origins" content="[]">
<title>{title}</title>
<link rel="stylesheet" href="/widget/assets/style.css">
</head>
<body><main><h1>{title}</h1><p>{words}</p></main></body>
</html>
"""


async def _files_of(request: Request) -> WidgetFiles:
    files: WidgetFiles = request.app.state.widget_files
    return files


Files = Annotated[WidgetFiles, Depends(_files_of)]


@router.api_route("/widget/{templateId:segment}", methods=_READ)
def show_widget(template_id: TemplateId, store: Store, files: Files) -> Response:
    """The page of a template, which pages of its project's origins may show in a frame."""
    try:
        with store.transaction() as connection:
            origins = origins_of_template(connection, template_id)
    except StoreUnavailable:
        words = "The database can't be reached at the moment. Try again in a minute."
        return _page(_in_words("Not available", words), HTTPStatus.SERVICE_UNAVAILABLE)
    if origins is None:
        words = "There is no such template, or it was deleted."
        return _page(_in_words("Nothing to import into", words), HTTPStatus.NOT_FOUND)
    return _page(files.page(origins), HTTPStatus.OK, origins)


@router.api_route("/widget/assets/{path:path}", methods=_READ)
async def get_asset(path: str, request: Request, files: Files) -> Response:
    """One of the widget's files."""
    return _asset(path, request, files)


@router.api_route("/embed.js", methods=_READ)
async def get_embed_script(request: Request, files: Files) -> Response:
    """The script that host apps load, from any origin."""
    answer = _asset("embed.js", request, files)
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer


def _asset(path: str, request: Request, files: WidgetFiles) -> Response:
    asset = files.assets.get(path)
    if asset is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    content, headers = asset.plain, _EVERY_FILE | {"Vary": "Accept-Encoding"}
    if asset.gzipped and accepts_gzip(request.headers.get("accept-encoding")):
        content = asset.gzipped
        headers["Content-Encoding"] = "gzip"
    headers["ETag"] = content.etag
    if is_known(request.headers.get("if-none-match"), content.etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content.body, media_type=asset.media_type, headers=headers)


def _page(text: str, status: HTTPStatus, origins: Sequence[str] = ()) -> Response:
    headers = _EVERY_FILE | {
        "Content-Security-Policy": _POLICY.format(" ".join(["'self'", *origins])),
        "Referrer-Policy": "no-referrer",
    }
    return HTMLResponse(text, status_code=status, headers=headers)


def _in_words(title: str, words: str) -> str:
    return _IN_WORDS.format(title=title, words=html.escape(words))
