"""What a dataset promises, recomputed from its files alone."""
