"""Feeds that people give the widget: a shop's, wide ones, slow ones, hostile ones."""

from __future__ import annotations

import select
import socket
import threading
from xml.sax.saxutils import escape

from impler_pipelines_tests.feed_server import Handler

SHOP = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>
<item><title>Lamp</title><link>https://shop.test/1</link><g:price>10.50</g:price></item>
<item><title>Chair &amp; table</title><link>https://shop.test/2</link></item>
<item><title><![CDATA[<Desk>]]></title><link>https://shop.test/3</link><g:price>99</g:price></item>
<item><title>Broken</title><link>https://shop.test/4</link><g:price>not a number</g:price></item>
</channel></rss>"""
# By title, as they are loaded; the fourth record is a reject.
SHOP_ROWS = [
    ("<Desk>", "https://shop.test/3", 99.0),
    ("Chair & table", "https://shop.test/2", None),
    ("Lamp", "https://shop.test/1", 10.5),
]
# Nothing of it is called what the columns are called.
PLAIN = """<?xml version="1.0" encoding="UTF-8"?>
<stock><thing><aaa>Lamp</aaa><bbb>https://shop.test/1</bbb><ccc>10.50</ccc></thing>
<thing><aaa>Chair</aaa><bbb>https://shop.test/2</bbb><ccc>25</ccc></thing></stock>"""
WEB_PAGE = """<!doctype html><html><head><title>A shop</title>
<link rel="alternate" type="application/rss+xml" title="All products" href="/products.xml">
<link rel="alternate" type="application/atom+xml" title="News" href="/news.xml">
</head><body><p>Welcome</p></body></html>"""


def rss(*records: dict[str, str]) -> str:
    """An RSS feed whose items hold these elements."""
    items = "".join(
        f"<item>{''.join(f'<{k}>{escape(v)}</{k}>' for k, v in record.items())}</item>"
        for record in records
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel>{items}</channel></rss>'
    )


def wide(headings: int) -> str:
    """A feed of three records with so many fields, ``f0000`` and up, beside title and link."""
    fields = {f"f{number:04}": f"value {number}" for number in range(headings)}
    return rss(*({"title": f"T{n}", "link": f"https://shop.test/{n}", **fields} for n in range(3)))


class SlowFeed:
    """A route that sends half of a feed and stands still until ``go_on`` is set.

    ``asked`` is set when somebody has come for it, ``left`` when they hung up meanwhile.
    """

    def __init__(self, body: str = SHOP) -> None:
        self._body = body.encode()
        self.asked = threading.Event()
        self.go_on = threading.Event()
        self.left = threading.Event()

    def __call__(self, handler: Handler) -> None:
        half = len(self._body) // 2
        handler.send_response(200)
        handler.send_header("Content-Type", "application/rss+xml")
        handler.send_header("Content-Length", str(len(self._body)))
        handler.end_headers()
        handler.wfile.write(self._body[:half])
        handler.wfile.flush()
        self.asked.set()
        while not self.go_on.wait(0.05):
            if _hung_up(handler.connection):
                self.left.set()
                handler.close_connection = True
                return
        handler.wfile.write(self._body[half:])


def _hung_up(connection: socket.socket) -> bool:
    readable, _, _ = select.select([connection], [], [], 0)
    return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""
