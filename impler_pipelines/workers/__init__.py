"""Warm workers: processes that have everything imported and take one run after the other.

They are Celery's, and Dagster's own tasks run in them; what is ours is which settings they have. A
worker keeps connections, never what was read over them.
"""
