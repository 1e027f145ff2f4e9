"""An LLM as judge: right or wrong and five ratings; and the judge compared with people."""
