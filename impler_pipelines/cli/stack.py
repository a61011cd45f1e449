"""`run`, `demo`, `env`: the whole stack."""

from __future__ import annotations

from typing import Annotated

import typer

from impler_pipelines.settings import Settings


def run(
    demo: Annotated[
        bool, typer.Option("--demo", help="Also serve a sample feed with a demo import job.")
    ] = False,
    only: Annotated[
        str | None,
        typer.Option(help="These parts alone: database,code-server,webserver,daemon,api."),
    ] = None,
) -> None:
    """Run the whole stack in the foreground until Ctrl-C."""
    from impler_pipelines.supervisor.stack import run_stack

    parts = only.split(",") if only else None
    raise typer.Exit(run_stack(Settings.load(), demo=demo, only=parts))


def demo() -> None:
    """Show it working: a sample feed becomes rows, in a temporary place, and all stops again."""
    from impler_pipelines.supervisor.demo import run_demo

    raise typer.Exit(run_demo())


def env() -> None:
    """Print the environment that a plain `dagster dev` needs, as lines for a .env file."""
    from impler_pipelines.supervisor.parts import stack_environment

    for name, value in stack_environment(Settings.load()).items():
        typer.echo(f"{name}={value}")
