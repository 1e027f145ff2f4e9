"""Questions to RAFT rows: splits, distractors, the oracle or its absence."""
