"""From bytes to headings, record path and record batches. Pure: no network, clock, environment."""

from impler_pipelines.extraction.detection import Candidate
from impler_pipelines.extraction.limits import Limits
from impler_pipelines.extraction.paths import normalise_path
from impler_pipelines.extraction.reading import FeedReading, read_feed
from impler_pipelines.extraction.record_batches import BATCH_ROWS, RecordStream, extract_records

__all__ = [
    "BATCH_ROWS",
    "Candidate",
    "FeedReading",
    "Limits",
    "RecordStream",
    "extract_records",
    "normalise_path",
    "read_feed",
]
