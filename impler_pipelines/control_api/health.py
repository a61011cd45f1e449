"""What the API knows of the installation's health: store and Dagster, each asked with a limit.

Dagster is for information: nothing that it does makes the API unready.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from impler_pipelines.control_api.probe import Probe
from impler_pipelines.control_api.store_access import StoreAccess
from impler_pipelines.errors import DagsterUnavailable, StoreUnavailable
from impler_pipelines.orchestration.dagster_gateway import DagsterGateway
from impler_pipelines.store.figures import Figures, read_figures

STORE_SECONDS = 5.0
DAGSTER_SECONDS = 1.0  # what a probe of Kubernetes waits by default


@dataclass(frozen=True)
class DagsterHealth:
    """``message`` says what is wrong, if anything is."""

    up: bool
    location_loaded: bool
    message: str | None = None


class Health:
    """Asks store and Dagster; both have answered, or are taken to be down, within seconds."""

    def __init__(self, store: StoreAccess, dagster: DagsterGateway) -> None:
        self._store, self._dagster = store, dagster
        self._ping = Probe(self._ask_store)
        self._figures = Probe(self._ask_figures)
        self._trouble = Probe(dagster.location_trouble)

    async def require_store(self) -> None:
        """Raises ``StoreUnavailable`` unless the database answers."""
        try:
            await self._ping.answer(within=STORE_SECONDS)
        except TimeoutError as error:
            raise _silent() from error

    async def figures(self) -> Figures:
        """The store's figures for metrics. Raises ``StoreUnavailable``."""
        try:
            return await self._figures.answer(within=STORE_SECONDS)
        except TimeoutError as error:
            raise _silent() from error

    async def dagster(self) -> DagsterHealth:
        """What Dagster's webserver says, if it says anything."""
        try:
            trouble = await self._trouble.answer(within=DAGSTER_SECONDS)
        except TimeoutError:
            words = f"Dagster's webserver did not answer within {DAGSTER_SECONDS:g} s."
            return DagsterHealth(up=False, location_loaded=False, message=words)
        except DagsterUnavailable as error:
            return DagsterHealth(up=False, location_loaded=False, message=str(error))
        return DagsterHealth(up=True, location_loaded=trouble is None, message=trouble)

    def _ask_store(self) -> None:
        with self._store.reserved_transaction() as connection:
            connection.execute(text("SELECT 1"))

    def _ask_figures(self) -> Figures:
        with self._store.reserved_transaction() as connection:
            return read_figures(connection)


def _silent() -> StoreUnavailable:
    return StoreUnavailable(f"The store's database did not answer within {STORE_SECONDS:g} s.")
