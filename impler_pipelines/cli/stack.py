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
    workers: Annotated[
        int,
        typer.Option(
            min=0, max=256, help="Run on so many warm workers, with a Redis unless one is set."
        ),
    ] = 0,
) -> None:
    """Run the whole stack in the foreground until Ctrl-C."""
    from impler_pipelines.supervisor.stack import run_stack

    parts = only.split(",") if only else None
    raise typer.Exit(run_stack(Settings.load(), demo=demo, only=parts, workers=workers))


def worker(
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Runs at a time.")] = 2,
    memory: Annotated[
        int, typer.Option(min=200, help="MB after which a process is replaced, between runs.")
    ] = 600,
) -> None:
    """Be a warm worker: take runs from the broker IMPLER_BROKER_URL until SIGTERM."""
    from impler_pipelines.supervisor.parts import become_worker

    become_worker(Settings.load(), concurrency=concurrency, memory_mb=memory)


def execute(
    command: Annotated[list[str], typer.Argument(help="A program and its arguments.")],
) -> None:
    """Run a program, such as dagster-webserver, in this installation's environment."""
    from impler_pipelines.supervisor.parts import become

    become(Settings.load(), command)


def postgres(
    command: Annotated[
        list[str], typer.Argument(help="pg_dump, pg_restore, psql … and arguments.")
    ],
) -> None:
    """Run one of PostgreSQL's programs on the store's database, to back it up or look into it."""
    from impler_pipelines.supervisor.parts import become_postgres_program

    become_postgres_program(Settings.load(), command)


def migrate() -> None:
    """Bring the database's tables up to date, as `run` does when it starts."""
    from impler_pipelines.store.migrations import migrate

    migrate(Settings.load().store_url)


def demo() -> None:
    """Show it working: a sample feed becomes rows, in a temporary place, and all stops again."""
    from impler_pipelines.supervisor.demo import run_demo

    raise typer.Exit(run_demo())


def env() -> None:
    """Print the environment that a plain `dagster dev` needs, as lines for a .env file."""
    from impler_pipelines.supervisor.parts import stack_environment

    for name, value in stack_environment(Settings.load()).items():
        typer.echo(f"{name}={value}")
