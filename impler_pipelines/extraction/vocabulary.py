"""What is known of feed formats: their roots, their records, their namespaces. Data, no logic."""

from __future__ import annotations

from dataclasses import dataclass

ATOM = "http://www.w3.org/2005/Atom"
ATOM_03 = "http://purl.org/atom/ns#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RSS_10 = "http://purl.org/rss/1.0/"
SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"


@dataclass(frozen=True)
class Vocabulary:
    """A format known by its root's local name: where its records are, likeliest path first.

    Paths are local names below the root. ``records`` are the names that count as records.
    """

    format: str
    root: str
    paths: tuple[tuple[str, ...], ...]


VOCABULARIES = (
    Vocabulary("rss", "rss", (("channel", "item"), ("item",), ("channel", "items", "item"))),
    Vocabulary("rdf", "RDF", (("item",), ("channel", "item"))),
    Vocabulary("atom", "feed", (("entry",),)),
    Vocabulary("sitemap", "urlset", (("url",),)),
    Vocabulary("sitemap", "sitemapindex", (("sitemap",),)),
    Vocabulary("opml", "opml", (("body", "outline"),)),
    *(
        Vocabulary("xml", root, tuple(tuple(path.split()) for path in paths))
        for root, *paths in (
            ("AmazonEnvelope", "Message"),
            ("BMECAT", "T_NEW_CATALOG PRODUCT", "T_NEW_CATALOG ARTICLE"),
            ("CHANNEL", "ITEM"),
            ("Document", "BkToCstmrStmt Stmt Ntry"),
            ("Envelope", "Cube Cube Cube"),
            ("EnumerationResults", "Blobs Blob"),
            ("FeatureCollection", "member", "featureMember"),
            ("Invoice", "InvoiceLine"),
            ("ListBucketResult", "Contents"),
            ("NewDataSet", "Table"),
            ("OAI-PMH", "ListRecords record", "ListIdentifiers header"),
            ("ONIXMessage", "Product"),
            ("ONIXmessage", "product"),
            ("PubmedArticleSet", "PubmedArticle"),
            ("SHOP", "SHOPITEM"),
            ("Tarih_Date", "Currency"),
            ("ValCurs", "Valute"),
            ("Workbook", "Worksheet Table Row"),
            ("cafProductFeed", "datafeed prod"),
            ("channel", "item"),
            ("collection", "record"),
            ("gpx", "wpt", "trk trkseg trkpt", "rte rtept"),
            ("icalendar", "vcalendar components vevent"),
            (
                "kml",
                "Placemark",
                "Document Placemark",
                "Document Folder Placemark",
                "Document Folder Folder Placemark",
                "Folder Placemark",
            ),
            ("mediawiki", "page"),
            ("modsCollection", "mods"),
            ("multistatus", "response"),
            ("mysqldump", "database table_data row"),
            ("newsMessage", "itemSet newsItem"),
            ("openimmo", "anbieter immobilie"),
            ("pma_xml_export", "database table"),
            ("posts", "row"),
            ("response", "result doc"),
            ("testsuites", "testsuite testcase"),
            ("tmx", "body tu"),
            ("tv", "programme"),
            ("xliff", "file body trans-unit", "file unit"),
            ("xml", "data row"),
            ("yml_catalog", "shop offers offer"),
        )
    ),
)

# Elements that usually are one thing of interest each, wherever they stand.
RECORD_NAMES = frozenset({
    "ad", "advert", "announcement", "appointment", "article", "asset", "author", "book", "car",
    "card", "case", "contact", "course", "customer", "document", "dataset", "employee", "entity",
    "entry", "event", "file", "game", "hotel", "invoice", "issue", "item", "job", "listing",
    "location", "match", "member", "movie", "news", "node", "object", "observation", "offer",
    "order", "package", "page", "patient", "person", "photo", "placemark", "place", "player",
    "plant", "post", "product", "project", "property", "publication", "rate", "recipe", "record",
    "report", "response", "result", "review", "row", "sale", "service", "shipment", "sitemap",
    "song", "station", "stop", "story", "student", "supplier", "team", "ticket", "track",
    "transaction", "trip", "update", "url", "user", "vacancy", "vehicle", "video",
    "vulnerability", "work", "worker",
})  # fmt: skip
# Elements that usually hold records of one kind under a name.
GROUP_NAMES = frozenset({
    "batch", "block", "body", "bucket", "catalog", "categories", "category", "chapter",
    "collection", "container", "data", "day", "department", "envelope", "feed", "folder",
    "group", "list", "menu", "page", "pages", "part", "section", "sections", "set", "sheet",
    "table", "warehouse", "worksheet",
})  # fmt: skip

# Prefixes as the specifications and everyone write them: a heading's prefix means this namespace
# when a document uses another prefix for it.
WELL_KNOWN_PREFIXES: dict[str, tuple[str, ...]] = {
    "a10": (ATOM,),
    "admin": ("http://webns.net/mvcb/",),
    "atom": (ATOM, ATOM_03),
    "c": ("http://base.google.com/cns/1.0",),
    "cc": (
        "http://web.resource.org/cc/",
        "http://creativecommons.org/ns#",
        "http://backend.userland.com/creativeCommonsRssModule",
    ),
    "content": ("http://purl.org/rss/1.0/modules/content/",),
    "creativeCommons": ("http://backend.userland.com/creativeCommonsRssModule",),
    "dc": ("http://purl.org/dc/elements/1.1/", "http://purl.org/dc/elements/1.0/"),
    "dcterms": ("http://purl.org/dc/terms/",),
    "feedburner": ("http://rssnamespace.org/feedburner/ext/1.0",),
    "foaf": ("http://xmlns.com/foaf/0.1/",),
    "g": ("http://base.google.com/ns/1.0",),
    "gd": ("http://schemas.google.com/g/2005",),
    "geo": ("http://www.w3.org/2003/01/geo/wgs84_pos#",),
    "georss": ("http://www.georss.org/georss",),
    "gml": ("http://www.opengis.net/gml", "http://www.opengis.net/gml/3.2"),
    "googleplay": ("http://www.google.com/schemas/play-podcasts/1.0",),
    "image": ("http://www.google.com/schemas/sitemap-image/1.1",),
    "itunes": ("http://www.itunes.com/dtds/podcast-1.0.dtd",),
    "kml": ("http://www.opengis.net/kml/2.2",),
    "media": ("http://search.yahoo.com/mrss/", "http://search.yahoo.com/mrss"),
    "news": ("http://www.google.com/schemas/sitemap-news/0.9",),
    "openSearch": ("http://a9.com/-/spec/opensearch/1.1/",),
    "opensearch": ("http://a9.com/-/spec/opensearch/1.1/",),
    "podcast": (
        "https://podcastindex.org/namespace/1.0",
        "https://github.com/Podcastindex-org/podcast-namespace/blob/main/docs/1.0.md",
    ),
    "prism": (
        "http://prismstandard.org/namespaces/basic/2.0/",
        "http://prismstandard.org/namespaces/1.2/basic/",
    ),
    "psc": ("http://podlove.org/simple-chapters",),
    "rdf": (RDF,),
    "rdfs": ("http://www.w3.org/2000/01/rdf-schema#",),
    "rss": (RSS_10,),
    "skos": ("http://www.w3.org/2004/02/skos/core#",),
    "slash": ("http://purl.org/rss/1.0/modules/slash/",),
    "sy": ("http://purl.org/rss/1.0/modules/syndication/",),
    "taxo": ("http://purl.org/rss/1.0/modules/taxonomy/",),
    "thr": ("http://purl.org/syndication/thread/1.0",),
    "trackback": ("http://madskills.com/public/xml/rss/module/trackback/",),
    "video": ("http://www.google.com/schemas/sitemap-video/1.1",),
    "wfw": ("http://wellformedweb.org/CommentAPI/",),
    "xhtml": ("http://www.w3.org/1999/xhtml",),
    "xlink": ("http://www.w3.org/1999/xlink",),
    "xml": ("http://www.w3.org/XML/1998/namespace",),
    "xsi": ("http://www.w3.org/2001/XMLSchema-instance",),
    "yt": ("http://www.youtube.com/xml/schemas/2015", "http://gdata.youtube.com/schemas/2007"),
}
