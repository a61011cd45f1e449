"""The smallest host application: a page whose users import feeds. It runs beside `make run`.

ACCESS_KEY=ik_… python examples/host_app.py      # then open http://127.0.0.1:5000
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request, urlopen

API, KEY = os.environ.get("API_URL", "http://127.0.0.1:8000"), os.environ["ACCESS_KEY"]
HERE = ("127.0.0.1", int(os.environ.get("PORT", "5000")))
COLUMNS = [
    {"key": "title", "name": "Title", "type": "String", "isRequired": True},
    {"key": "link", "name": "Link", "type": "String", "isRequired": True, "isUnique": True},
    {"key": "price", "name": "Price", "type": "Double"},
]
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>My shop</title>
<h1>My shop</h1><button onclick="ImplerPipelines.show(me)">Import products</button>
<div id="imports"></div><script src="%s/embed.js"></script><script>const me = %s;
ImplerPipelines.imports({...me, container: document.getElementById("imports")})</script>"""


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"accesskey": KEY, "content-type": "application/json"}
    with urlopen(Request(API + path, data, headers, method=method)) as answer:
        return json.load(answer)


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        who = {"templateId": template, "externalUserId": "user-42"}  # whoever is logged in
        me = {"templateId": template, **call("POST", "/v1/sessions", who)}
        self.send_response(200)
        self.end_headers()
        self.wfile.write((PAGE % (API, json.dumps(me))).encode())


made = [one for one in call("GET", "/v1/templates") if one["name"] == "Products"]
made = made or [call("POST", "/v1/templates", {"name": "Products", "columns": COLUMNS})]
template = made[0]["_id"]
call("PUT", "/v1/project/origins", {"origins": [f"http://{HERE[0]}:{HERE[1]}"]})  # may embed it
print(f"My shop is at http://{HERE[0]}:{HERE[1]}", flush=True)
ThreadingHTTPServer(HERE, Shop).serve_forever()
