"""``python -m impler_pipelines.supervisor``: the stack, as the demo starts it."""

from __future__ import annotations

import sys

from impler_pipelines.errors import PipelineError
from impler_pipelines.settings import Settings
from impler_pipelines.supervisor.stack import run_stack

if __name__ == "__main__":
    try:
        sys.exit(run_stack(Settings.load()))
    except PipelineError as error:
        sys.exit(str(error))
