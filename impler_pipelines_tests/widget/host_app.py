"""A host application as its developers build it: a server with the access key, a page that embeds.

The page is served from an origin of its own, with the template and the session of one user in it.
"""

from __future__ import annotations

import html
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from impler_pipelines.settings import Settings
from impler_pipelines_tests.end_to_end.running_stack import RunningStack
from impler_pipelines_tests.feed_server import FeedServer

COLUMNS: list[dict[str, Any]] = [
    {"key": "title", "name": "Title", "type": "String", "isRequired": True},
    {"key": "link", "name": "Link", "type": "String", "isRequired": True, "isUnique": True},
    {"key": "price", "name": "Price", "type": "Double"},
]
# Callbacks leave what they were told in ``heard``; scripts of a feed would leave ``pwned``.
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shop</title>
<style>body {{ font: 16px system-ui; margin: 2rem; background: {background}; }}</style>
<main><h1>Shop</h1><button id="open">Import products</button>{body}</main>
<script src="{api}/embed.js"></script>
<script>
  const heard = [];
  const options = {options};
  for (const name of ["onConfirm", "onClose", "onSessionExpired"])
    options[name] = (told) => void heard.push([name, told ?? null]);
  let shown;
  document.getElementById("open").onclick = () => {{ shown = ImplerPipelines.show(options); }};
  {script}
</script>
</html>"""
_IMPORTS = "ImplerPipelines.imports({container: document.getElementById('place'), ...options});"


@dataclass
class HostApp:
    """One project's host application. ``site`` is where its pages come from."""

    stack: RunningStack
    access_key: str
    site: FeedServer

    def call(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """One request with the project's access key."""
        return self.stack.call(method, path, body, status=status, access_key=self.access_key)

    def allow(self, *sites: FeedServer) -> None:
        """Let pages of these origins, and of no others, embed the widget."""
        origins = [site.url("").rstrip("/") for site in sites]
        self.call("PUT", "/v1/project/origins", {"origins": origins})

    def template(
        self, columns: Sequence[Mapping[str, Any]] = COLUMNS, *, mode: str = "automatic"
    ) -> str:
        """The id of a new template, whose rows go to a table of its own."""
        table = f"products_{secrets.token_hex(6)}"
        body = {
            "name": "Products",
            "mode": mode,
            "columns": list(columns),
            "destinations": [{"type": "sql", "table": table, "mode": "upsert"}],
        }
        return str(self.call("POST", "/v1/templates", body, status=201)["_id"])

    def session(self, template_id: str, user: str, **more: Any) -> str:
        """A session token for one user, as the host app's server asks for it."""
        body = {"templateId": template_id, "externalUserId": user, **more}
        return str(self.call("POST", "/v1/sessions", body, status=201)["sessionToken"])

    def page(
        self,
        template_id: str,
        session_token: str,
        *,
        imports: bool = False,
        background: str = "#fff",
        site: FeedServer | None = None,
        api_url: str = "",
        **options: Any,
    ) -> str:
        """The address of a page that embeds the widget: by a button, or ``imports`` in place."""
        given = {"templateId": template_id, "sessionToken": session_token, **options}
        content = _PAGE.format(
            api=api_url or self.stack.api_url,
            background=background,
            options=json.dumps(given).replace("<", "\\u003c"),
            body='<div id="place"></div>' if imports else "",
            script=_IMPORTS if imports else "",
        )
        return self.serve(content, site=site)

    def element_page(self, template_id: str, session_token: str, view: str, **names: str) -> str:
        """The address of a page that holds ``<impler-pipelines>``; names are its attributes."""
        attributes = {"view": view, "template-id": template_id, "session-token": session_token}
        written = " ".join(f'{k}="{html.escape(v)}"' for k, v in (attributes | names).items())
        return self.serve(
            f"<!doctype html><html lang=en><title>Shop</title><h1>Shop</h1>"
            f"<impler-pipelines {written}></impler-pipelines>"
            f'<script src="{self.stack.api_url}/embed.js"></script>'
        )

    def serve(self, content: str, *, site: FeedServer | None = None) -> str:
        """The address of a new page of the host app."""
        path = f"/{secrets.token_hex(6)}"
        return (site or self.site).serve(path, content, content_type="text/html; charset=utf-8")

    def import_jobs(self, user: str) -> list[dict[str, Any]]:
        """What the host app sees of a user's import jobs, newest first."""
        return list(self.call("GET", f"/v1/import-jobs/user/{user}"))

    def rows(self, template_id: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        """What PostgreSQL holds for the template, in the order of the first column."""
        (destination,) = self.call("GET", f"/v1/templates/{template_id}")["destinations"]
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        query = sql.SQL("SELECT {} FROM imports.{} ORDER BY 1").format(
            names, sql.Identifier(destination["table"])
        )
        with psycopg.connect(Settings(home=self.stack.home).plain_store_url) as connection:
            return connection.execute(query).fetchall()
