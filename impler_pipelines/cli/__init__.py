"""The command line. It reads arguments, calls a room, prints; it decides nothing itself.

Heavy rooms are imported inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import typer

from impler_pipelines.cli import jobs, keys
from impler_pipelines.cli.changes import audit
from impler_pipelines.cli.feeds import headings
from impler_pipelines.cli.output import fail
from impler_pipelines.cli.stack import demo, env, execute, migrate, postgres, run, worker
from impler_pipelines.errors import PipelineError, SettingInvalid

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Automated data import: a feed in, typed rows out, on a schedule.",
)
for command in (run, worker, migrate, demo, env, audit, headings):
    app.command()(command)
# What follows the program's name is the program's.
_passed_on = {"ignore_unknown_options": True}
app.command("exec", context_settings=_passed_on)(execute)
app.command("postgres", context_settings=_passed_on)(postgres)
app.add_typer(keys.app, name="keys")
app.add_typer(jobs.app, name="import")


def main() -> None:
    """Run the command line; errors of ours end it with one line and status 1 (2 for settings)."""
    try:
        app()
    except SettingInvalid as error:
        fail(str(error), status=2)
    except PipelineError as error:
        fail(str(error))
