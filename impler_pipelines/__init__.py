"""Automated data import: a feed in, typed rows out, on a schedule."""

__version__ = "0.1.0"
