"""Documents to chunks, and which of them count as the same."""
