"""The evaluation as a reader sees it: tables, answers, advice, the report."""
