"""Reviewers' decisions on a dataset's rows, and the page to make them on."""
