"""The supervisor with real, cheap processes: whatever ends it, nothing of its stack stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from impler_pipelines_tests.supervisor.waiting import alive, family, kill, pid_in, until

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "impler_pipelines_tests.supervisor.dummy_stack"]


class DummyStack:
    """One dummy stack, started directly or through a shell line; ``HOME`` is its directory."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.output = home / "output"
        self.starter: subprocess.Popen[bytes] | None = None
        self.seen: set[psutil.Process] = set()

    def start(self, *kinds: str) -> int:
        """Start it as our own child; returns its process id once it is ready."""
        with self.output.open("wb") as output:
            self.starter = subprocess.Popen(
                [*COMMAND, str(self.home), *kinds], cwd=ROOT, stdout=output, stderr=output
            )
        self.until_said("ready")
        self.seen |= family(self.starter.pid)
        return self.starter.pid

    def start_from(self, script: str, *kinds: str) -> int:
        """Run a shell script in which $STACK is the command line; returns the stack's own id."""
        line = " ".join([*COMMAND, str(self.home), *kinds])
        with self.output.open("wb") as output:
            self.starter = subprocess.Popen(
                ["/bin/sh", "-c", script],
                cwd=ROOT,
                env={**os.environ, "STACK": line, "WHERE": str(self.home)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.until_said("ready")
        stack = pid_in(self.home / "locks" / "dummies")
        self.seen |= family(stack) | {psutil.Process(self.starter.pid)}
        return stack

    def said(self) -> str:
        return self.output.read_text()

    def logged(self) -> list[dict[str, Any]]:
        lines = (self.home / "logs" / "supervisor.log").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def until_said(self, words: str) -> None:
        until(lambda: words in self.said(), f"{words!r} in the output")

    def until_gone(self, seconds: float = 25) -> None:
        try:
            until(lambda: not alive(self.seen), "the end of all processes", seconds)
        except AssertionError as error:
            left = alive(self.seen)
            raise AssertionError(f"{error}; said {self.said()!r}; left {left}") from error

    def child_id(self, kind: str) -> int:
        return pid_in(self.home / f"{kind}.pid")

    def child(self, kind: str) -> psutil.Process:
        process = psutil.Process(self.child_id(kind))
        self.seen.add(process)
        return process


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[DummyStack]:
    stack = DummyStack(tmp_path)
    yield stack
    kill(stack.seen)
    if stack.starter is not None:
        stack.starter.wait(10)


class TestStop:
    @pytest.mark.parametrize(
        ("number", "reason"),
        [
            pytest.param(signal.SIGINT, "Ctrl-C", id="ctrl-c"),
            pytest.param(signal.SIGTERM, "SIGTERM", id="sigterm"),
            pytest.param(signal.SIGHUP, "the terminal is gone", id="hang-up"),
        ],
    )
    def test_a_signal_ends_children_and_grandchildren(
        self, stack: DummyStack, number: signal.Signals, reason: str
    ) -> None:
        pid = stack.start("sleeper", "family")
        stack.child("grandchild")
        os.kill(pid, number)
        assert stack.starter is not None
        assert stack.starter.wait(25) == 0
        assert f"stopping ({reason})" in stack.said()
        assert not alive(stack.seen)

    def test_a_second_ctrl_c_forces(self, stack: DummyStack) -> None:
        pid = stack.start("stubborn")  # it would be given a minute
        os.kill(pid, signal.SIGINT)
        stack.until_said("stopping")
        stubborn = stack.child("stubborn")
        assert alive({stubborn})

        def press_again() -> bool:
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGINT)
            return not alive({stubborn})

        until(press_again, "the end of the stubborn child", 20)
        stack.until_gone()

    def test_two_copies_of_one_ctrl_c_do_not_force(self, stack: DummyStack) -> None:
        pid = stack.start("family")
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGINT)
        stack.until_gone()
        assert "stopping (Ctrl-C)" in stack.said()


class TestStartedByAScript:
    def test_a_background_job_stops_although_ctrl_c_came_ignored(self, stack: DummyStack) -> None:
        # A shell without job control ignores SIGINT in what it starts with "&".
        pid = stack.start_from("$STACK & wait", "sleeper")
        os.kill(pid, signal.SIGINT)
        stack.until_gone()

    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    def test_children_have_default_signals(self, stack: DummyStack) -> None:
        stack.start_from("$STACK & wait", "sleeper")
        status = Path(f"/proc/{stack.child('sleeper').pid}/status").read_text()
        ignored = int(status.split("SigIgn:")[1].split()[0], 16)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            assert not ignored >> (number - 1) & 1, number

    def test_the_end_of_the_script_stops_it(self, stack: DummyStack) -> None:
        # Ends after the stack has come up: a command substitution waits for nothing.
        script = "$STACK & while ! grep -q ready $WHERE/output; do sleep 0.1; done; exit 0"
        stack.start_from(script, "sleeper", "family")
        stack.until_gone()
        assert "the process that started this has ended" in stack.said()

    def test_the_death_of_whoever_ran_make_stops_it(self, stack: DummyStack) -> None:
        (stack.home / "Makefile").write_text("run:\n\t@$(STACK)\n")
        stack.start_from("make -f $WHERE/Makefile run & wait", "sleeper")
        assert stack.starter is not None
        stack.starter.kill()  # the script alone: make and the stack hear nothing
        stack.starter.wait(10)
        stack.until_gone()
        assert "the process that started this has ended" in stack.said()

    def test_sigterm_to_make_stops_it(self, stack: DummyStack) -> None:
        (stack.home / "Makefile").write_text("run:\n\t@$(STACK)\n")
        stack.start_from("exec make -f $WHERE/Makefile run", "sleeper")
        assert stack.starter is not None
        stack.starter.terminate()
        stack.until_gone()


class TestRestart:
    def test_a_killed_child_is_started_again_said_and_logged(self, stack: DummyStack) -> None:
        pid = stack.start("sleeper")
        first = stack.child("sleeper")
        first.kill()
        until(lambda: stack.child_id("sleeper") != first.pid, "a second process")
        second = stack.child("sleeper")
        assert alive({second})
        assert "sleeper ended (signal SIGKILL); starting it again in 1 s" in stack.said()
        os.kill(pid, signal.SIGINT)
        stack.until_gone()
        told = [line for line in stack.logged() if line["part"] == "sleeper"]
        assert [(line["event"], line.get("part_pid"), line.get("how")) for line in told] == [
            ("part.started", first.pid, None),
            ("part.exited", first.pid, "signal SIGKILL"),
            ("part.restarted", second.pid, None),
            ("part.stopped", None, "signal SIGTERM"),
        ]

    @pytest.mark.skipif(sys.platform != "linux", reason="orphans go to process 1 elsewhere")
    def test_orphans_are_adopted_and_reaped(self, stack: DummyStack) -> None:
        pid = stack.start("family")
        orphan = stack.child("grandchild")
        stack.child("family").kill()
        until(lambda: orphan.ppid() == pid, "the adoption")
        orphan.kill()
        until(lambda: not orphan.is_running(), "the reaping")


class TestKilledSupervisor:
    def test_nothing_is_left(self, stack: DummyStack) -> None:
        pid = stack.start("sleeper", "stubborn", "family")
        stack.child("grandchild")  # in its own session, ignores SIGTERM, outlives its parent
        os.kill(pid, signal.SIGKILL)
        assert stack.starter is not None
        stack.starter.wait(10)
        stack.until_gone()


class TestFailedStart:
    def test_it_says_why_and_leaves_nothing(self, stack: DummyStack) -> None:
        result = subprocess.run(
            [*COMMAND, str(stack.home), "sleeper", "broken"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert result.returncode == 1
        assert "broken did not start (exit status 1)" in result.stderr
        assert "no such thing as luck" in result.stderr
        commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
        assert not [command for command in commands if str(stack.home) in command]
