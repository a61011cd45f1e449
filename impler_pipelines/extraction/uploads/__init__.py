"""Files that a person uploads, with the two faces of a feed: what they hold, and their records.

XML goes the way of feeds. CSV, TSV, Excel workbooks and JSON lines have readers of their own, which
all give records as ``FeedReading.records`` does.
"""

from impler_pipelines.extraction.uploads.reading import (
    UploadReading,
    UploadStream,
    extract_upload,
    read_upload,
)

__all__ = ["UploadReading", "UploadStream", "extract_upload", "read_upload"]
