"""Compute logs, in a process of its own whose output is read."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

KEY = ["run", "compute_logs", "step"]


def captured(home: Path, code: str) -> subprocess.Popen[bytes]:
    """A process that does ``code`` while its output is captured."""
    script = f"""
        import os, signal, subprocess, sys, time
        import psutil
        from impler_pipelines.orchestration.compute_logs import ComputeLogs
        logs = ComputeLogs.from_config_value(None, {{"home": {str(home)!r}}})
        print("before", flush=True)
        with logs.capture_logs({KEY!r}):
            {code}
        print("after", flush=True)
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def kept(home: Path, kind: str) -> str:
    return home.joinpath("storage", *KEY).with_suffix(f".{kind}").read_text()


def test_what_is_printed_is_kept_and_shown(tmp_path: Path) -> None:
    """By Python, by a library in C, by a process that it starts."""
    process = captured(
        tmp_path,
        "print('one'); sys.stdout.flush(); os.write(1, b'two\\n'); os.write(2, b'bad\\n');"
        " subprocess.run(['echo', 'three'])",
    )
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert (kept(tmp_path, "out"), kept(tmp_path, "err")) == ("one\ntwo\nthree\n", "bad\n")
    assert (out, err) == (b"before\none\ntwo\nthree\nafter\n", b"bad\n")
    assert tmp_path.joinpath("storage", *KEY).with_suffix(".complete").exists()


def test_it_is_shown_while_the_run_goes_on(tmp_path: Path) -> None:
    process = captured(tmp_path, "os.write(1, b'now\\n'); time.sleep(60)")
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == [b"before\n", b"now\n"]
    process.kill()
    process.communicate(timeout=60)


def test_what_a_process_says_that_dies_is_kept(tmp_path: Path) -> None:
    code = "os.write(2, b'last words\\n'); os.kill(os.getpid(), signal.SIGKILL)"
    process = captured(tmp_path, code)
    process.communicate(timeout=60)
    assert process.returncode < 0
    assert kept(tmp_path, "err") == "last words\n"
    assert not tmp_path.joinpath("storage", *KEY).with_suffix(".complete").exists()


def test_no_process_is_started_for_it(tmp_path: Path) -> None:
    process = captured(tmp_path, "print(psutil.Process().children(), flush=True)")
    process.communicate(timeout=60)
    assert kept(tmp_path, "out") == "[]\n"


def test_who_has_gone_and_reads_nothing_disturbs_no_run(tmp_path: Path) -> None:
    with captured(tmp_path, "time.sleep(1); os.write(1, b'unread\\n'); time.sleep(1)") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
    assert kept(tmp_path, "out") == "unread\n"
    assert tmp_path.joinpath("storage", *KEY).with_suffix(".complete").exists()


def test_a_second_time_it_goes_on_where_it_ended(tmp_path: Path) -> None:
    for number in range(2):
        out, _ = captured(tmp_path, f"print({number}, flush=True)").communicate(timeout=60)
        assert out == f"before\n{number}\nafter\n".encode()
    assert kept(tmp_path, "out") == "0\n1\n"
