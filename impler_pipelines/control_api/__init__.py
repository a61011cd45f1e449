"""The control API (FastAPI) over the store. It needs no Dagster: its answers are read from there.

Requests are checked, kept and answered here; Dagster converges to the store by itself.
"""
