"""Chunks to questions and answers: how the teacher is asked, and the gates behind it."""
