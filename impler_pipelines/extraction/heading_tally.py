"""Counts what a feed's records hold, heading by heading: how many have it, whether it repeats.

``add`` takes a record's values from the parser's tree; ``heading_blocks`` has the same for whole
blocks. Samples are the first different values among the first records that have a heading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from impler_pipelines.extraction.values import Values
from impler_pipelines.model import Heading

Progress = Callable[[int], None]

SAMPLES = 3
SAMPLE_LENGTH = 500
SAMPLED_RECORDS = 100  # a heading that has the same value everywhere is not looked at for ever


class HeadingTally:
    """Counts headings over the records of a feed, in order of appearance."""

    def __init__(self, on_progress: Progress | None) -> None:
        self.records = 0
        self._on_progress = on_progress
        self._counts: dict[str, int] = {}
        self._repeated: set[str] = set()
        self._samples: dict[str, list[str]] = {}

    def add(self, values: Values) -> None:
        """Count one record."""
        self.records += 1
        for heading, value in values.items():
            texts = [value] if isinstance(value, str) else value
            if self.wants_samples(heading):
                self.sample(heading, texts)
            self.count(heading, 1, repeated=len(texts) > 1)

    def count(self, heading: str, records: int, *, repeated: bool) -> None:
        """Count ``records`` more that have ``heading``, some of them more than once."""
        self._counts[heading] = self._counts.get(heading, 0) + records
        if repeated:
            self._repeated.add(heading)

    def wants_samples(self, heading: str) -> int:
        """Among how many more records a sample of ``heading`` is looked for."""
        enough = len(self._samples.get(heading, ())) == SAMPLES
        return 0 if enough else max(0, SAMPLED_RECORDS - self._counts.get(heading, 0))

    def sample(self, heading: str, texts: Iterable[str]) -> None:
        """Keep what is new of ``texts``, as long as there are too few."""
        samples = self._samples.setdefault(heading, [])
        for text in texts:
            short = text[:SAMPLE_LENGTH]
            if short and short not in samples and len(samples) < SAMPLES:
                samples.append(short)

    def report(self) -> None:
        """Tell how far it is."""
        if self._on_progress is not None:
            self._on_progress(self.records)

    def headings(self) -> Iterator[Heading]:
        """What was counted."""
        for path, count in self._counts.items():
            samples = tuple(self._samples.get(path, ()))
            yield Heading(path, samples, count, path in self._repeated)
