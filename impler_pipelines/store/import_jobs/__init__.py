"""Import jobs: made, read, changed; their states and due times."""

from impler_pipelines.store.import_job_rows import LIVE
from impler_pipelines.store.import_jobs.changes import (
    NewImportJob,
    create_import_job,
    deleted_import_jobs,
    get_import_job,
    list_import_jobs,
    lock_import_job,
    pause_import_job,
    resume_import_job,
    terminate_import_job,
    timing_of,
    update_import_job,
)
from impler_pipelines.store.import_jobs.mappings import check_mappings
from impler_pipelines.store.import_jobs.states import (
    complete_ended_import_jobs,
    settle_template,
)
from impler_pipelines.store.import_jobs.uploads import (
    NewUpload,
    refuse_unless_manual,
    take_upload,
)

__all__ = [
    "LIVE",
    "NewImportJob",
    "NewUpload",
    "check_mappings",
    "complete_ended_import_jobs",
    "create_import_job",
    "deleted_import_jobs",
    "get_import_job",
    "list_import_jobs",
    "lock_import_job",
    "pause_import_job",
    "refuse_unless_manual",
    "resume_import_job",
    "settle_template",
    "take_upload",
    "terminate_import_job",
    "timing_of",
    "update_import_job",
]
