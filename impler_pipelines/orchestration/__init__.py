"""Dagster's side: ops, jobs, schedules, the lazy repository, the sync sensor, the GraphQL gateway.

The only room that knows Dagster. Its ops are thin: they call the other rooms and report.
"""
