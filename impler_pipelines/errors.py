"""The whole exception tree. It holds no logic beyond composing a message from what went wrong.

Every room raises only these; foreign exceptions are translated at the room's edge, with ``from``.

* PipelineError
  x TerminalError                 trying again changes nothing until someone changes something
    - SettingInvalid              an environment variable that can't be understood
    - NotFound                    an id that does not exist, or belongs to another project
    - StateConflict               not in a state that allows it
    - RequestInvalid              a value that a person sent is not acceptable, field by field
    - UrlRefused                  a URL that is not fetched: scheme, syntax, forbidden header
      . AddressRefused            its host resolves to a private or reserved address
    - FeedRefused                 the server answered, and the answer is final (4xx, redirect loop)
    - FeedUnreadable              the bytes are not a feed that can be read in full
      . FeedMalformed             not well-formed XML: line and column
        , FileMalformed           an uploaded file that breaks its format's rules: line
      . FeedHasNoRecords          well-formed, but nothing repeats that could be a record
      . WebPageFound              an HTML page, which may announce feeds
    - LimitExceeded               a cap of the settings was hit
    - MappingInvalid              the mapping does not fit the feed or the template
    - DestinationRefused          the destination can't take these rows as it is
    - DeletionsHeld               a mirror would lose more rows than it may without a confirmation
    - SecretUnreadable            a stored secret does not open with the present key
    - RunCancelled                the run was cancelled, or its import job paused or deleted
    - Interrupted                 whoever asked does not wait for the answer any more
  x TransientError                trying again later may work; ``retry_after`` is in seconds
    - FeedUnavailable             DNS, connection, timeout, 5xx, 429
      . HostBusy                  another request of ours to its host does not end
    - DestinationUnavailable      the destination can't be reached or is busy
    - StoreUnavailable            the store can't be reached
      . StoreBusy                 it is there, and too busy to answer
    - DagsterUnavailable          Dagster's webserver does not answer
      . DagsterRefused            it answers, and can't do this one thing as it stands
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Cause = dict[str, str | int]


class PipelineError(Exception):
    """Anything this package raises on purpose. ``str(error)`` is fit to show to a person.

    ``code`` names what is wrong with a feed or file, for those who say it in words of their own;
    None: something else is wrong.
    """

    code: str | None = None

    @property
    def cause(self) -> Cause | None:
        """``code``, and the numbers and short texts that words need; None without a code."""
        return None if self.code is None else {"code": self.code, **self._facts()}

    def _facts(self) -> Cause:
        return {}


class TerminalError(PipelineError):
    """Trying again changes nothing until someone changes something."""


class TransientError(PipelineError):
    """Trying again later may work.

    ``retry_after`` is the number of seconds the other side asked for, or None.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SettingInvalid(TerminalError):
    def __init__(self, variable: str, value: str, takes: str) -> None:
        super().__init__(f"{variable}={value!r} can't be understood: it takes {takes}")
        self.variable, self.value, self.takes = variable, value, takes


class NotFound(TerminalError):
    def __init__(self, kind: str, identifier: str) -> None:
        super().__init__(f"There is no {kind} {identifier!r}.")
        self.kind, self.identifier = kind, identifier


class StateConflict(TerminalError):
    def __init__(self, message: str, *, status: str | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class FieldProblem:
    """One unacceptable value: ``field`` is a dotted path in the request (``mappings.0.path``)."""

    field: str
    message: str


class RequestInvalid(TerminalError):
    """One or more values of a request are not acceptable; ``problems`` names each field."""

    def __init__(self, problems: Sequence[FieldProblem], message: str | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__(message or "; ".join(f"{p.field}: {p.message}" for p in self.problems))

    @classmethod
    def of(cls, field: str, message: str) -> RequestInvalid:
        """One problem."""
        return cls([FieldProblem(field, message)])


class UrlRefused(TerminalError):
    """A URL that is never fetched. ``url`` must be free of secrets (see ``sources.public_url``)."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url} is not fetched: {reason}")
        self.url, self.reason = url, reason


class AddressRefused(UrlRefused):
    code = "address_refused"

    def __init__(self, url: str, address: str, kind: str) -> None:
        super().__init__(
            url,
            # Not which: whoever gives names here would learn a private network's addresses.
            f"it leads to {kind}. Only public addresses are allowed"
            " (IMPLER_ALLOW_PRIVATE_ADDRESSES=1 lifts this for development)",
        )
        self.address, self.kind = address, kind


class FeedRefused(TerminalError):
    """The server answered for good: 4xx, too many redirects. ``status`` is the HTTP status."""

    code = "feed_refused"

    def __init__(self, url: str, reason: str, *, status: int | None = None) -> None:
        super().__init__(f"{url} could not be fetched: {reason}")
        self.url, self.reason, self.status = url, reason, status

    def _facts(self) -> Cause:
        return _known(status=self.status)


class FeedUnreadable(TerminalError):
    """The bytes are not a feed that can be read in full."""


class FeedMalformed(FeedUnreadable):
    """Not well-formed XML. ``line`` and ``column`` count from 1; None where they are unknown."""

    code = "feed_malformed"

    def __init__(self, reason: str, *, line: int | None = None, column: int | None = None) -> None:
        where = f" at line {line}, column {column}" if line is not None else ""
        super().__init__(
            f"The feed is not well-formed XML{where}: {reason}."
            " Nothing of it is imported: ask the publisher to repair it."
        )
        self.reason, self.line, self.column = reason, line, column

    def _facts(self) -> Cause:
        return _known(line=self.line, column=self.column)


class FileMalformed(FeedMalformed):
    """An uploaded file that breaks the rules of its format. ``line`` counts from 1, or is None."""

    code = "file_malformed"

    def __init__(self, reason: str, *, line: int | None = None) -> None:
        super().__init__(reason, line=line)
        where = f" at line {line}" if line is not None else ""
        message = f"The file can't be read{where}: {reason}."
        self.args = (f"{message} Nothing of it is imported: repair it and upload it again.",)


class FeedHasNoRecords(FeedUnreadable):
    """Well-formed XML in which no record was found."""

    code = "no_records"


class WebPageFound(FeedUnreadable):
    """An HTML page where a feed was expected."""

    code = "web_page"

    def __init__(self) -> None:
        super().__init__(
            "The address gives a web page (HTML), not a feed:"
            " look on the page for a link to its RSS or Atom feed."
        )


class LimitExceeded(TerminalError):
    """A cap was hit: ``limit`` says which and how much, ``setting`` the variable that moves it."""

    code = "limit_exceeded"

    def __init__(self, what: str, limit: str, *, setting: str | None = None) -> None:
        moved_by = f" (setting {setting})" if setting else ""
        super().__init__(f"{what}: the limit is {limit}{moved_by}")
        self.what, self.limit, self.setting = what, limit, setting

    def _facts(self) -> Cause:
        return {"limit": self.limit}


class MappingInvalid(TerminalError):
    """The mapping does not fit: ``paths`` are the mapped paths that the feed lacks."""

    def __init__(self, message: str, *, paths: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.paths = tuple(paths)


class DestinationRefused(TerminalError):
    """The destination can't take the rows as it is: altered table, wrong type, no permission."""


class DeletionsHeld(TerminalError):
    """A mirror is not loaded since it would lose ``rows`` of the ``of`` rows it has."""

    def __init__(self, table: str, rows: int, of: int, percent: float) -> None:
        super().__init__(
            f"{rows} of the {of} rows in {table!r} are no longer in the feed, and more than"
            f" {percent:g} % are deleted only when someone has confirmed it (setting"
            " IMPLER_MIRROR_MAX_DELETED_PERCENT). Nothing was changed. If the feed is right,"
            " confirm it by the API: POST to this run with /confirm-deletions."
        )
        self.table, self.rows, self.of = table, rows, of


class SecretUnreadable(TerminalError):
    def __init__(self, what: str) -> None:
        super().__init__(
            f"The stored {what} can't be opened with the present IMPLER_SECRET_KEY:"
            " restore the key, or enter the secret again"
        )
        self.what = what


class RunCancelled(TerminalError):
    """The run must not go on: it was cancelled, or its import job was paused or deleted."""


class Interrupted(TerminalError):
    def __init__(self) -> None:
        super().__init__("Nobody waits for it any more.")


class FeedUnavailable(TransientError):
    """DNS failure, refused connection, timeout, 5xx or 429."""

    code = "feed_unavailable"

    def __init__(
        self, url: str, reason: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(f"{url} could not be fetched: {reason}", retry_after=retry_after)
        self.url, self.reason, self.status = url, reason, status

    def _facts(self) -> Cause:
        return _known(status=self.status)


class HostBusy(FeedUnavailable):
    """No turn at a host came within the seconds: one request at a time is made there."""

    code = "host_busy"

    def __init__(self, host: str, seconds: float) -> None:
        super().__init__(
            host,
            f"another request to it, which had its turn, did not end within {seconds:.0f} s."
            " One at a time is made to each host: try again in a while",
        )
        self.host = host


class DestinationUnavailable(TransientError):
    """The destination can't be reached, or is busy (deadlock, lock timeout)."""


class StoreUnavailable(TransientError):
    """The store's database can't be reached."""


class StoreBusy(StoreUnavailable):
    """The store's database is there, but too busy: locks, timeouts, no connection free."""


class DagsterUnavailable(TransientError):
    """Dagster's webserver does not answer, or has not loaded the code location."""


class DagsterRefused(DagsterUnavailable):
    """Dagster answers, and can't do this one thing as it stands; others may work."""


def _known(**facts: int | None) -> Cause:
    return {name: value for name, value in facts.items() if value is not None}
