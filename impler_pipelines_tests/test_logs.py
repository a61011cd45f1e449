"""The form of log lines, when they are spoken, and what never gets into one."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impler_pipelines import logs
from impler_pipelines.logs import JsonForm, Outage, TextForm, without_secrets
from impler_pipelines.model import RunStatus
from impler_pipelines_tests.log_lines import Lines, listening


@pytest.fixture
def lines() -> Iterator[Lines]:
    with listening() as heard:
        yield heard


def record(**fields: Any) -> logging.LogRecord:
    """The record of one event with these fields."""
    extra = {"event": "run.ended", "fields": fields}
    logger = logging.getLogger("impler_pipelines.events")
    return logger.makeRecord(logger.name, logging.INFO, "", 0, "", (), None, extra=extra)


def fail(words: object = None) -> None:
    raise RuntimeError(words)


class TestForm:
    @pytest.mark.parametrize(
        ("value", "written"),
        [
            pytest.param("abc", "abc", id="word"),
            pytest.param("two words", '"two words"', id="words"),
            pytest.param('say "hi"', r'"say \"hi\""', id="quotes"),
            pytest.param("a=b", '"a=b"', id="equals"),
            pytest.param("", '""', id="empty"),
            pytest.param("über", "über", id="letters"),
            pytest.param("a\nevent=forged", r'"a\nevent=forged"', id="line break"),
            pytest.param("a\x9b2J", r'"a\u009b2J"', id="terminal control"),
            pytest.param("a\u2028b", r'"a\u2028b"', id="line separator"),
            pytest.param(True, "true", id="boolean"),
            pytest.param(1.23456, "1.235", id="seconds"),
            pytest.param(RunStatus.FAILED, "FAILED", id="status"),
            pytest.param(
                dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC), "2026-01-02T03:00:00Z", id="time"
            ),
        ],
    )
    def test_text(self, value: object, written: str) -> None:
        line = TextForm().format(record(it=value))
        assert f" event=run.ended it={written} process=" in line

    def test_nothing_is_left_out(self) -> None:
        assert " it=" not in TextForm().format(record(it=None))

    @given(st.dictionaries(st.sampled_from("abc"), st.text() | st.integers() | st.floats()))
    def test_one_line_whatever_comes(self, fields: dict[str, Any]) -> None:
        assert len(TextForm().format(record(**fields)).splitlines()) == 1
        (line,) = JsonForm().format(record(**fields)).splitlines()
        assert json.loads(line)["event"] == "run.ended"

    def test_long_texts_are_cut(self) -> None:
        assert len(TextForm().format(record(it="x" * 100_000))) < 2000

    def test_a_library_s_line_has_the_form_too(self) -> None:
        plain = logging.LogRecord("uvicorn", logging.ERROR, "", 0, "no %s", ("luck",), None)
        line = json.loads(JsonForm().format(plain))
        assert (line["event"], line["message"], line["logger"]) == ("log", "no luck", "uvicorn")

    def test_tracebacks(self, lines: Lines) -> None:
        try:
            fail("https://shop.test/feed?token=hush")
        except RuntimeError:
            logging.getLogger("impler_pipelines.x").exception("It failed")
        (line,) = lines.of("log")
        assert "RuntimeError: https://shop.test/feed?…" in line["traceback"]
        assert "hush" not in lines.text


class TestSecrets:
    @pytest.mark.parametrize(
        ("words", "told"),
        [
            ("see https://a.test/x?key=hush#top.", "see https://a.test/x?…"),
            ("https://user:hush@a.test/x", "https://…@a.test/x"),
            ("postgresql://impler:hush@/impler?host=/tmp/x", "postgresql://…@/impler?…"),
            ("with url: /feed.xml?token=hush (Caused by", "with url: /feed.xml?… (Caused by"),
            ('"http://a.test/?hush"', '"http://a.test/?…"'),
            ("Really? Yes: a@b.test", "Really? Yes: a@b.test"),
            ("https://a.test/x@2/y", "https://a.test/x@2/y"),
        ],
    )
    def test_are_cut_out(self, words: str, told: str) -> None:
        assert without_secrets(words) == told

    def test_of_fields_and_messages(self, lines: Lines) -> None:
        logs.note("x", error="https://a.test/?key=hush", nested=["https://b.test/?key=hush"])
        logging.getLogger("impler_pipelines.x").warning("failed: %s", "http://a.test/?k=hush")
        assert len(lines.all()) == 2
        assert "hush" not in lines.text


class TestWhen:
    def test_after_the_commit(self, lines: Lines) -> None:
        with logs.after_commit():
            logs.note("within")
            assert lines.events() == []
        assert lines.events() == ["within"]

    def test_never_after_a_rollback(self, lines: Lines) -> None:
        with pytest.raises(RuntimeError), logs.after_commit():
            fail(logs.note("within"))
        logs.note("later")
        assert lines.events() == ["later"]

    def test_an_inner_transaction_is_its_own(self, lines: Lines) -> None:
        def outer() -> None:
            logs.note("outer")
            with logs.after_commit():
                logs.note("inner")
            fail()

        with pytest.raises(RuntimeError), logs.after_commit():
            outer()
        assert lines.events() == ["inner"]

    def test_with_what_was_bound_when_it_happened(self, lines: Lines) -> None:
        with logs.after_commit():
            with logs.bound(request_id="r1", by="api"):
                logs.note("a")
                logs.note("b", by="cli")
            logs.note("c")
        told = [(line.get("request_id"), line.get("by")) for line in lines.all()]
        assert told == [("r1", "api"), ("r1", "cli"), (None, None)]


class TestOutage:
    def test_is_told_once_and_so_is_its_end(self, lines: Lines) -> None:
        outage = Outage("sea.unreachable", "sea.reachable")
        outage.over()
        for _ in range(3):
            outage.begun("fog")
        outage.over()
        outage.over()
        outage.begun("ice")
        assert lines.events() == ["sea.unreachable", "sea.reachable", "sea.unreachable"]
        assert [line.get("error") for line in lines.all()] == ["fog", None, "ice"]
        assert lines.all()[1]["seconds"] >= 0

    def test_is_told_though_the_transaction_fails(self, lines: Lines) -> None:
        outage = Outage("sea.unreachable", "sea.reachable")
        with pytest.raises(RuntimeError), logs.after_commit():
            fail(outage.begun("fog"))
        assert lines.events() == ["sea.unreachable"]


_SPEAK = """
import logging, os, sys
from impler_pipelines import logs
logs.configure("test", form=sys.argv[1], level=sys.argv[2])
logs.note("quiet", level=logging.DEBUG)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # as Dagster does while ops run
logs.note("heard", run_id="r1")
"""


class TestProcess:
    @pytest.mark.parametrize(
        ("form", "level", "events"),
        [("text", "info", ["heard"]), ("json", "debug", ["quiet", "heard"])],
    )
    def test_speaks_where_standard_error_was(
        self, form: str, level: str, events: list[str]
    ) -> None:
        said = subprocess.run(
            [sys.executable, "-c", _SPEAK, form, level],
            capture_output=True,
            text=True,
            check=True,
            env=dict(os.environ),
        ).stderr.splitlines()
        if form == "json":
            assert [json.loads(line)["event"] for line in said] == events
        else:
            assert [line.split(" ")[2] for line in said] == [f"event={e}" for e in events]
            assert " run_id=r1 process=test pid=" in said[-1]
