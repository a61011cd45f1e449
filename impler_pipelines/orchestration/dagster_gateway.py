"""GraphQL to Dagster's webserver, all of it. It imports no dagster, so the control API may use it.

Dagster's own Python client has no call for schedules, so raw documents are sent.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests

from impler_pipelines import logs
from impler_pipelines.errors import DagsterRefused, DagsterUnavailable
from impler_pipelines.model import ScheduleState
from impler_pipelines.orchestration.names import LOCATION, REPOSITORY, RUN_ID_TAG

_SELECTOR = {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY}
_RUNS_A_QUERY = 500
_ENDED = {"SUCCESS": "SUCCESS", "FAILURE": "FAILED", "CANCELED": "CANCELLED"}

_LOCATION = """query ($name: String!) {
  workspaceLocationEntryOrError(name: $name) {
    __typename
    ... on WorkspaceLocationEntry {
      locationOrLoadError { __typename ... on PythonError { message } }
    }
    ... on PythonError { message }
  }
}"""
_RELOAD = """mutation ($location: String!) {
  reloadRepositoryLocation(repositoryLocationName: $location) {
    __typename
    ... on WorkspaceLocationEntry {
      locationOrLoadError { __typename ... on PythonError { message } }
    }
    ... on PythonError { message }
  }
}"""
_LAUNCH = """mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}"""
_GO_ON = """mutation ($params: ReexecutionParams!) {
  launchRunReexecution(reexecutionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}"""
_START = """mutation ($selector: ScheduleSelector!) {
  startSchedule(scheduleSelector: $selector) {
    __typename ... on PythonError { message } ... on ScheduleNotFoundError { message }
  }
}"""
_STOP = """mutation ($id: String!) {
  stopRunningSchedule(id: $id) {
    __typename ... on PythonError { message } ... on ScheduleNotFoundError { message }
  }
}"""
_SCHEDULE = """query ($selector: ScheduleSelector!) {
  scheduleOrError(scheduleSelector: $selector) {
    __typename ... on Schedule { scheduleState { id status } } ... on PythonError { message }
  }
}"""
_SCHEDULES = """query ($selector: RepositorySelector!) {
  schedulesOrError(repositorySelector: $selector) {
    __typename
    ... on Schedules { results { name scheduleState {
      status typeSpecificData { ... on ScheduleData { startTimestamp } } } } }
    ... on PythonError { message }
  }
}"""
_RUNS = """query ($filter: RunsFilter!, $limit: Int) {
  runsOrError(filter: $filter, limit: $limit) {
    __typename
    ... on Runs { results { runId status jobName rootRunId startTime endTime } }
    ... on PythonError { message }
  }
}"""
_TERMINATE = """mutation ($id: String!) {
  terminateRun(runId: $id, terminatePolicy: MARK_AS_CANCELED_IMMEDIATELY) {
    __typename ... on PythonError { message } ... on TerminateRunFailure { message }
  }
}"""


@dataclass(frozen=True)
class DagsterRun:
    """A Dagster run; ``ended`` is SUCCESS, FAILED or CANCELLED, None while it is not over.

    ``root_id`` is the first run of those that were executed again; the times are in UTC.
    ``launched``: it was handed to the launcher, and no process has begun it.
    """

    id: str
    ended: str | None
    job_name: str
    root_id: str
    started_at: dt.datetime | None
    ended_at: dt.datetime | None = None
    launched: bool = False


class DagsterGateway:
    """Calls on one webserver. Every method raises ``DagsterUnavailable`` when it can't answer.

    Those that launch a run or switch a schedule raise ``DagsterRefused`` when it won't.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 60) -> None:
        self._url = f"{url.rstrip('/')}/graphql"
        self._timeout = timeout_seconds
        self._session = requests.Session()
        self._session.trust_env = False
        self._outage = logs.Outage("dagster.unreachable", "dagster.reachable")

    def location_trouble(self) -> str | None:
        """Why the webserver has not loaded the code location; None if it has."""
        answer = self._ask(_LOCATION, name=LOCATION)["workspaceLocationEntryOrError"] or {}
        loaded = answer.get("locationOrLoadError") or {}
        if loaded.get("__typename") == "RepositoryLocation":
            return None
        # A load error's message goes on with a traceback.
        reason = str(loaded.get("message") or answer.get("message") or "it is not loaded yet")
        return f"The code location {LOCATION}: {reason.strip().splitlines()[0][:300]}"

    def reload_location(self) -> None:
        """Load the code location anew; returns when that is done."""
        answer = self._ask(_RELOAD, location=LOCATION)["reloadRepositoryLocation"]
        loaded = answer.get("locationOrLoadError") or answer
        if loaded["__typename"] not in ("RepositoryLocation", "WorkspaceLocationEntry"):
            raise DagsterUnavailable(f"The code location was not reloaded: {_reason(loaded)}")

    def launch_run(
        self, job_name: str, tags: Mapping[str, str], *, again: DagsterRun | None = None
    ) -> str:
        """Launch a run of the Dagster job, ``again`` after one; returns its Dagster run id."""
        metadata: dict[str, object] = {"tags": _tag_list(tags)}
        if again is not None:  # the UI groups them, and the run knows that it is not the first
            metadata |= {"parentRunId": again.id, "rootRunId": again.root_id}
        params = {
            "selector": {**_SELECTOR, "jobName": job_name},
            "executionMetadata": metadata,
        }
        return _launched(job_name, self._ask(_LAUNCH, params=params)["launchRun"])

    def go_on(self, failed: DagsterRun, tags: Mapping[str, str]) -> str:
        """Execute a failed run again from the op that failed; returns the new Dagster run id.

        It has the failed run's tags, and ``tags`` in their place.
        """
        params = {
            "parentRunId": failed.id,
            "strategy": "FROM_FAILURE",
            "extraTags": _tag_list(tags),
        }
        answer = self._ask(_GO_ON, params=params)["launchRunReexecution"]
        return _launched(failed.job_name, answer)

    def start_schedule(self, schedule_name: str) -> None:
        """Switch a schedule on; one that runs stays as it is."""
        state = self._schedule_state(schedule_name)
        if state["status"] != "RUNNING":
            selector = {**_SELECTOR, "scheduleName": schedule_name}
            self._switched(self._ask(_START, selector=selector)["startSchedule"])

    def stop_schedule(self, schedule_name: str) -> None:
        """Switch a schedule off; one that is stopped stays as it is."""
        state = self._schedule_state(schedule_name)
        if state["status"] != "STOPPED":
            self._switched(self._ask(_STOP, id=state["id"])["stopRunningSchedule"])

    def schedule_states(self) -> dict[str, ScheduleState]:
        """Schedule name → its state, for every schedule of the repository."""
        answer = self._ask(_SCHEDULES, selector=_SELECTOR)["schedulesOrError"]
        if answer["__typename"] != "Schedules":
            raise DagsterUnavailable(f"Schedules can't be listed: {_reason(answer)}")
        return {one["name"]: _schedule_state(one["scheduleState"]) for one in answer["results"]}

    def find_runs(self, run_id: str) -> list[DagsterRun]:
        """The Dagster runs that carry a Run's id as their tag, newest first."""
        return self._runs({"tags": [{"key": RUN_ID_TAG, "value": run_id}]})

    def get_runs(self, dagster_run_ids: Sequence[str]) -> dict[str, DagsterRun]:
        """Those of the Dagster runs that exist, by id."""
        return {
            run.id: run
            for at in range(0, len(dagster_run_ids), _RUNS_A_QUERY)
            for run in self._runs({"runIds": list(dagster_run_ids[at : at + _RUNS_A_QUERY])})
        }

    def executing_runs(self) -> list[DagsterRun]:
        """The Dagster runs that a process should be at work on, newest first."""
        return self._runs({"statuses": ["STARTED", "CANCELING"]})

    def cancel_run(self, dagster_run_id: str) -> None:
        """Mark a Dagster run as cancelled at once and ask its process to stop."""
        self._ask(_TERMINATE, id=dagster_run_id)

    def _runs(self, run_filter: Mapping[str, object]) -> list[DagsterRun]:
        answer = self._ask(_RUNS, filter=run_filter, limit=_RUNS_A_QUERY)["runsOrError"]
        if answer["__typename"] != "Runs":
            raise DagsterUnavailable(f"Runs can't be listed: {_reason(answer)}")
        return [_dagster_run(result) for result in answer["results"]]

    def _schedule_state(self, schedule_name: str) -> Mapping[str, str]:
        selector = {**_SELECTOR, "scheduleName": schedule_name}
        answer = self._ask(_SCHEDULE, selector=selector)["scheduleOrError"]
        if answer["__typename"] != "Schedule":
            raise DagsterRefused(f"{schedule_name} is not loaded in Dagster.")
        state: Mapping[str, str] = answer["scheduleState"]
        return state

    def _switched(self, answer: Mapping[str, Any]) -> None:
        if answer["__typename"] != "ScheduleStateResult":
            raise DagsterRefused(f"A schedule was not switched: {_reason(answer)}")

    def _ask(self, document: str, **variables: Any) -> dict[str, Any]:
        try:
            response = self._session.post(
                self._url,
                json={"query": document, "variables": variables},
                timeout=(min(5, self._timeout), self._timeout),
            )
            body = response.json()
        except (requests.RequestException, ValueError) as error:
            self._outage.begun(f"{self._url}: {type(error).__name__}")
            raise DagsterUnavailable("Dagster's webserver does not answer.") from error
        self._outage.over()
        if not isinstance(body, dict) or body.get("errors") or not body.get("data"):
            reason = body.get("errors") if isinstance(body, dict) else body
            raise DagsterUnavailable(f"Dagster's webserver refused a request: {reason!r:.500}")
        data: dict[str, Any] = body["data"]
        return data


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _launched(job_name: str, answer: Mapping[str, Any]) -> str:
    if answer["__typename"] != "LaunchRunSuccess":
        raise DagsterRefused(f"{job_name} was not launched: {_reason(answer)}")
    return str(answer["run"]["runId"])


def _dagster_run(result: Mapping[str, Any]) -> DagsterRun:
    return DagsterRun(
        id=result["runId"],
        ended=_ENDED.get(result["status"]),
        job_name=result["jobName"],
        root_id=result["rootRunId"] or result["runId"],
        started_at=_moment(result["startTime"]),
        ended_at=_moment(result["endTime"]),
        launched=result["status"] == "STARTING",
    )


def _schedule_state(state: Mapping[str, Any]) -> ScheduleState:
    switched = state["typeSpecificData"] or {}
    return ScheduleState(state["status"] == "RUNNING", _moment(switched.get("startTimestamp")))


def _moment(seconds: float | None) -> dt.datetime | None:
    return dt.datetime.fromtimestamp(seconds, dt.UTC) if seconds else None


def _reason(answer: Mapping[str, Any]) -> str:
    return f"{answer['__typename']} {answer.get('message') or ''}".strip()[:500]
