"""From an uploaded file to headings and record batches, as for feeds: CSV, XLSX, JSON lines, XML.

Pure: no network, clock, environment.
"""

from impler_pipelines.extraction.uploads.reading import UploadReading, read_upload
from impler_pipelines.extraction.uploads.record_stream import UploadStream, extract_upload

__all__ = ["UploadReading", "UploadStream", "extract_upload", "read_upload"]
