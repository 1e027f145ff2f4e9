"""How sure: intervals of clustered values, paired comparisons, exact tests, words for them."""
