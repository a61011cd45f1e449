"""What the reading by bytes says of a document that it leaves to the parser's tree."""

from __future__ import annotations


class Unusual(Exception):
    """Something that the reading by bytes does not take; it never leaves this room."""
