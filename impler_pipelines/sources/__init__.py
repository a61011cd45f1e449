"""Fetches documents: HTTP client, caps, conditional requests, address guard. It parses no feed."""

from impler_pipelines.sources.addresses import check_address
from impler_pipelines.sources.fetching import USER_AGENT, FetchPolicy, fetch
from impler_pipelines.sources.freshness import Freshness
from impler_pipelines.sources.results import FetchResult
from impler_pipelines.sources.urls import check_auth, check_url, public_url, split_userinfo

__all__ = [
    "USER_AGENT",
    "FetchPolicy",
    "FetchResult",
    "Freshness",
    "check_address",
    "check_auth",
    "check_url",
    "fetch",
    "public_url",
    "split_userinfo",
]
