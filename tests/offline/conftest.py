"""Single rules of the built-in teacher are tested without its broad questions."""

from __future__ import annotations

import pytest

from offline.teacher import rules_subject, rules_whole, teacher

_OF_RULES = frozenset({"test_teacher", "test_teacher_kinds", "test_teacher_styles"})


@pytest.fixture(autouse=True)
def rules_alone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    module = request.module.__name__.rpartition(".")[2]
    # Documents of a style and generated sentences are asked about as users' documents are.
    if module not in _OF_RULES or "style" in request.fixturenames:
        return
    monkeypatch.setattr(teacher, "stands", lambda *given: True)
    monkeypatch.setattr(rules_whole, "whole_predicates", lambda *given: iter(()))
    monkeypatch.setattr(rules_subject, "subjects", lambda *given: iter(()))
