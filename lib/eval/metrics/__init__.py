"""Metrics that need no judge: of answers, quotes, refusals, retrieval, API calls."""
