"""Whether a command line is one that its program takes. Nothing is run but ``--help``."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from impler_pipelines.cli import app


def check_command(words: Sequence[str]) -> None:
    """Assert that this installation has the program, and that it knows these arguments."""
    program, *arguments = words
    if program == "impler-pipelines":
        _check_own(arguments)
    elif program == "python":
        _check_python(arguments)
    else:
        _check_by_help(program, arguments)


def _check_own(arguments: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert arguments[0] in command.commands, arguments
        command = command.commands[arguments.pop(0)]
    context = command.make_context(command.name, arguments)  # refuses what it does not know
    if command.name == "exec":
        check_command(context.params["command"])


def _check_python(arguments: list[str]) -> None:
    option, code = arguments
    if option == "-m":
        assert importlib.util.find_spec(f"{code}.__main__"), code
    else:
        assert option == "-c"
        compile(code, "-c", "exec")


def _check_by_help(program: str, arguments: list[str]) -> None:
    """Click refuses an option that it does not know before it answers ``--help``."""
    asked = subprocess.run(
        [Path(sys.executable).with_name(program), *arguments, "--help"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert asked.returncode == 0, f"{program} {arguments}\n{asked.stderr}"
    assert "Usage:" in asked.stdout
