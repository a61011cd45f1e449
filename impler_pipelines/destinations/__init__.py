"""Rows into SQL tables. It knows no feed, no schedule and no store: rows come in, counts go out."""
