"""A shop's feed of any size, the same for the same size. It measures nothing.

Items are about 1.45 KB: namespaced fields, CDATA, attributes, repeated categories, an element
tree that nobody maps, and one field in seven missing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from impler_pipelines.model import Column, ColumnType, FieldMapping, Repeated

WORK = Path(__file__).parent / ".work"
ITEM = "rss > channel > item"
ITEMS_A_MEGABYTE = 688.26
FIELDS = (
    FieldMapping("id", f"{ITEM} > g:id"),
    FieldMapping("title", f"{ITEM} > title"),
    FieldMapping("link", f"{ITEM} > link"),
    FieldMapping("description", f"{ITEM} > description"),
    FieldMapping("price", f"{ITEM} > g:price"),
    FieldMapping("published", f"{ITEM} > pubDate"),
    FieldMapping("image", f"{ITEM} > enclosure > @url"),
    FieldMapping("categories", f"{ITEM} > category", Repeated.JOIN),
)
COLUMNS = (
    Column("id", "Id", is_required=True, is_unique=True),
    Column("title", "Title", is_required=True),
    Column("link", "Link"),
    Column("description", "Description"),
    Column("price", "Price", ColumnType.DOUBLE),
    Column("published", "Published", ColumnType.DATE),
    Column("image", "Image", ColumnType.IMAGE),
    Column("categories", "Categories"),
)
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0" xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel><title>A shop</title><link>https://shop.test/</link>
"""
_SENTENCE = (
    "light sturdy oak walnut brass linen handmade wide narrow folding outdoor garden kitchen"
    " studio travel winter summer silent bright compact classic modern simple warm soft"
)
_WORDS = _SENTENCE.split()
_PROSE = " ".join(random.Random(1).choices(_WORDS, k=20_000))
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def feed_of(megabytes: int) -> Path:
    """The file of a feed of about that many megabytes (10^6 bytes); written if it is not there."""
    return _written(f"feed-{megabytes}-{ITEMS_A_MEGABYTE}.xml", pieces(megabytes))


def changed_feed_of(megabytes: int) -> tuple[Path, int]:
    """The same feed with another title in every hundredth item, and how many have one."""
    items = feed_of(megabytes).read_bytes().split(b"<item>")
    changed = range(1, len(items), 100)
    for number in changed:
        items[number] = items[number].replace(b"<title>", b"<title>Now ", 1)
    path = WORK / f"feed-{megabytes}-changed.xml"
    path.write_bytes(b"<item>".join(items))
    return path, len(changed)


def pieces(megabytes: int, seed: int = 7) -> Iterator[bytes]:
    """The document, an item a piece: of 100 MB, 68,826 items."""
    dice = random.Random(seed)
    yield _HEAD.encode()
    for number in range(round(megabytes * ITEMS_A_MEGABYTE)):
        yield _item(number, dice).encode()
    yield b"</channel></rss>\n"


def _written(name: str, content: Iterator[bytes]) -> Path:
    path = WORK / name
    if not path.exists():
        WORK.mkdir(exist_ok=True)
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb") as file:
            for piece in content:
                file.write(piece)
        unfinished.rename(path)
    return path


def _item(number: int, dice: random.Random) -> str:
    day = number % 28 + 1
    title = f"{' '.join(dice.choices(_WORDS, k=4))} &amp; more, no. {number}"
    price = f"<g:price>{dice.randint(100, 99999) / 100:.2f}</g:price>\n"
    published = (
        f"<pubDate>{_DAYS[(day + 6) % 7]}, {day:02} Nov 2027 {number % 24:02}:30:00 GMT</pubDate>\n"
    )
    words = dice.randrange(len(_PROSE) - 760)
    optional = "".join(part for part in (price, published) if dice.random() > 1 / 7)
    categories = "".join(
        f'<category domain="https://shop.test/c">{dice.choice(_WORDS)}</category>\n'
        for _ in range(dice.randint(1, 3))
    )
    return (
        f"<item>\n<g:id>SKU-{number:08}</g:id>\n<title>{title}</title>\n"
        f"<link>https://shop.test/products/{number}?ref=feed&amp;lang=en</link>\n"
        f"<description><![CDATA[<p>{_PROSE[words : words + 760]}</p>]]></description>\n"
        f"{optional}{categories}"
        f'<enclosure url="https://img.shop.test/{number}.jpg" length="{number}" type="image/jpeg"/>'
        f"\n<g:shipping><g:country>DE</g:country><g:price>4.90 EUR</g:price></g:shipping>\n"
        f"<g:availability>in stock</g:availability>\n<dc:creator>shop</dc:creator>\n"
        f'<guid isPermaLink="false">{dice.getrandbits(128):032x}</guid>\n</item>\n'
    )
