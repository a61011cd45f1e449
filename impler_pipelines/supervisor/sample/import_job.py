"""The sample's template and import job, made through the control API as a host app would.

It knows the API's requests only, no table of the store.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import requests

from impler_pipelines.errors import StateConflict

USER = "demo-user"
TEMPLATE_NAME = "Sample products"
_ITEM = "rss > channel > item"
TEMPLATE: dict[str, Any] = {
    "name": TEMPLATE_NAME,
    "mode": "automatic",
    "columns": [
        {"key": "sku", "name": "SKU", "type": "String", "isRequired": True, "isUnique": True},
        {"key": "name", "name": "Name", "type": "String", "isRequired": True},
        {"key": "price", "name": "Price", "type": "Double"},
        {"key": "categories", "name": "Categories", "type": "String"},
        {"key": "image", "name": "Image", "type": "Image"},
        {"key": "published", "name": "Published", "type": "Date"},
    ],
    "destinations": [{"type": "sql", "mode": "upsert"}],
}
IMPORT_JOB: dict[str, Any] = {
    "externalUserId": USER,
    "mappings": [
        {"key": "sku", "path": f"{_ITEM} > g:id"},
        {"key": "name", "path": f"{_ITEM} > title"},
        {"key": "price", "path": f"{_ITEM} > g:price"},
        {"key": "categories", "path": f"{_ITEM} > category", "repeated": "join"},
        {"key": "image", "path": f"{_ITEM} > enclosure > @url"},
        {"key": "published", "path": f"{_ITEM} > pubDate"},
    ],
    "interval": {"every": 15, "unit": "minutes"},
}
_TIMEOUT_SECONDS = 60


class ControlApi:
    """A small client of the control API. Any answer but 2xx raises ``StateConflict``."""

    def __init__(self, base_url: str, access_key: str) -> None:
        self.base_url = base_url
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy stands between two processes of one machine
        self._session.headers["accesskey"] = access_key

    def __enter__(self) -> ControlApi:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.close()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request; returns the decoded answer."""
        try:
            answer = self._session.request(
                method, f"{self.base_url}{path}", json=body, timeout=_TIMEOUT_SECONDS
            )
            content = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise StateConflict(f"{method} {path} of the control API failed: {error}") from error
        if not answer.ok:
            message = content.get("message") if isinstance(content, dict) else content
            raise StateConflict(
                f"{method} {path} of the control API answered {answer.status_code}: {message}"
            )
        return content


def sample_template(api: ControlApi) -> dict[str, Any]:
    """The sample's template; made if there is none."""
    for template in api.call("GET", "/templates?limit=500"):
        if template["name"] == TEMPLATE_NAME:
            return dict(template)
    return dict(api.call("POST", "/templates", TEMPLATE))


def ensure_sample_job(api: ControlApi, url: str) -> dict[str, Any]:
    """The sample user's import job on the feed at ``url``: made, or pointed there."""
    template = sample_template(api)
    for job in api.call("GET", f"/import-jobs/user/{USER}"):
        if job["_templateId"] == template["_id"]:
            path = f"/import-jobs/{job['_id']}"
            return dict(job if job["url"] == url else api.call("PUT", path, {"url": url}))
    return dict(api.call("POST", f"/import-jobs/{template['_id']}", {**IMPORT_JOB, "url": url}))
