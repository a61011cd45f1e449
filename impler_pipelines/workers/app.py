"""The Celery application of a warm worker: ``celery --app impler_pipelines.workers.app worker``.

It is imported before the worker forks its processes, and with it all that a run needs, so that they
share it and the first run is as quick as the others. It opens no connection.
"""

from __future__ import annotations

import gc
from importlib import import_module

from celery.signals import setup_logging
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task

from impler_pipelines import logs
from impler_pipelines.settings import Settings
from impler_pipelines.workers.celery_settings import TASK_CLASS, celery_settings

_NEEDED_BY_RUNS = (
    "impler_pipelines.definitions",
    "impler_pipelines.orchestration.ops",
    "impler_pipelines.orchestration.fetching",
    "impler_pipelines.orchestration.extracting",
    "impler_pipelines.orchestration.mapping_rows",
    "impler_pipelines.orchestration.loading",
    "impler_pipelines.store.migrations",
)

_settings = Settings.load()

app = make_app(  # type: ignore[no-untyped-call]
    {
        "broker": _settings.broker_url,
        "backend": _settings.broker_url,
        "config_source": celery_settings(),
        "task_cls": TASK_CLASS,
    }
)
execute_job = create_execute_job_task(app)
resume_job = create_resume_job_task(app)


@setup_logging.connect  # type: ignore[untyped-decorator]
def speak(**_: object) -> None:
    """In Celery's place: whatever libraries say takes the form of our lines."""
    logs.configure("worker", form=_settings.log_format, level=_settings.log_level, libraries=True)


for _module in _NEEDED_BY_RUNS:
    import_module(_module)
gc.freeze()  # what is loaded stays, and stays shared
