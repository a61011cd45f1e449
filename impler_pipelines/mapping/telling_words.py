"""Words that change what a name says of a value, or that say nothing. Data, no logic."""

from __future__ import annotations

# Words that say what the record is, and so nothing of a value in it.
FILLERS = frozenset({
    "product", "item", "article", "post", "entry", "job", "event", "episode", "offer", "listing",
    "record", "podcast", "news", "story", "object", "my", "main", "full", "field", "produkt",
    "artikel", "produit", "producto", "articulo", "stelle", "veranstaltung", "shop", "shopitem",
    "vacancy",
})  # fmt: skip

# Words that turn a name into that of another thing: the width of an image is no image.
ASPECTS = frozenset({
    "width", "height", "length", "type", "mime", "size", "count", "total", "domain", "rel",
    "scheme", "base", "credit", "caption", "alt", "index", "position", "format", "version",
    "lang", "has", "is", "class", "role", "status", "medium", "thumb", "fee", "tax", "unit",
    "uom",
})  # fmt: skip

# What belongs to something beside the record itself: the price of shipping is no price.
FOREIGN = frozenset({
    "shipping", "delivery", "versand", "livraison", "envio", "old", "tax", "related",
    "previous", "next", "parent", "comment", "reply", "installment", "loyalty", "avatar",
    "channel", "site", "min", "max",
})  # fmt: skip

# Words that say nothing without the one that goes with them.
GENERIC = frozenset({
    "name", "title", "id", "code", "number", "no", "nr", "url", "uri", "href", "src", "link",
    "type", "text", "value", "label", "date", "time", "description", "image", "data", "term",
    "path", "key", "content", "day", "group", "info", "list",
})  # fmt: skip

# Elements that only keep others together.
CONTAINERS = frozenset({
    "group", "detail", "info", "data", "attribute", "attr", "general", "basic", "content",
    "media", "image", "picture", "photo", "price", "offer", "product", "item", "article",
    "post", "job", "event", "meta", "address", "location", "geo", "contact", "header", "body",
    "list", "field", "spec", "property", "param", "variant", "organization", "work",
})  # fmt: skip
