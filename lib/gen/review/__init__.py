"""Review of a dataset's rows: decisions, the page to make them on, and the dataset they leave."""
