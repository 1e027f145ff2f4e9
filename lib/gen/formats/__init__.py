"""A dataset's rows in every published format, and their files."""
