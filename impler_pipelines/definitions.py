"""Wiring only: what ``workspace.yaml`` points at. Location ``impler_pipelines``."""

import gc

from dagster import RepositoryData, repository


@repository(  # type: ignore[arg-type]  # takes RepositoryData, which its annotation leaves out
    name="imports",
    description="Every live import job as a Dagster job with its schedule.",
)
def imports() -> RepositoryData:
    """Build the repository from the environment's settings."""
    # What is loaded stays as long as the process: no use in looking through it for garbage, be it
    # Dagster's while ours is loaded, or ours later.
    gc.freeze()
    from impler_pipelines import logs
    from impler_pipelines.orchestration.repository import ImportRepository
    from impler_pipelines.orchestration.runtime import Runtime
    from impler_pipelines.settings import Settings

    gc.freeze()
    settings = Settings.load()
    logs.configure("code-server", form=settings.log_format, level=settings.log_level)
    return ImportRepository(Runtime(settings))
