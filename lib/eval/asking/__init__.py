"""What is asked: questions, conditions, models, leakage; and the answers."""
