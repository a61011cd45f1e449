"""A Dagster run of four ops that do nothing, in a process of its own: what any run costs at least.

Its figures are of the whole process from its start, imports included, as a run's are.
"""

from __future__ import annotations

from benchmarks.measuring import measure


def run() -> int:
    from dagster import In, Nothing, graph, in_process_executor, op

    from impler_pipelines.orchestration.instance import dagster_instance
    from impler_pipelines.settings import Settings

    @op
    def first() -> None: ...

    @op(ins={"before": In(Nothing)})
    def later() -> None: ...

    @graph
    def nothing() -> None:
        later.alias("fourth")(later.alias("third")(later.alias("second")(first())))

    settings = Settings.load()
    with dagster_instance(settings) as instance:
        nothing.to_job(executor_def=in_process_executor).execute_in_process(
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )
    return 4


if __name__ == "__main__":
    measure(run, whole=True)
