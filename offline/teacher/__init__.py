"""The built-in teacher: it writes questions and quoted answers by rules, without a model.

`lib` uses it where .env names no teacher. `write_questions` is all that it calls; `NAME` goes into
the dataset, and `NOTICE` tells the user what this teacher can do.
"""

from offline.teacher.teacher import NAME, NOTICE, write_questions

__all__ = ["NAME", "NOTICE", "write_questions"]
