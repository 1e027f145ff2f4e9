from __future__ import annotations

from pathlib import Path

from lib.reading.files.md import read


def test_comments_and_scripts_are_left_out_unless_they_are_shown_as_code(tmp_path: Path) -> None:
    shown = "`<!-- inline -->`\n\n```html\n<!-- fenced -->\n```\n\n    <!-- indented -->\n"
    (tmp_path / "a.md").write_text(
        "<!-- licence\nof many lines -->\n# Pier\n\nIt is open.<!-- TODO --> Daily.\n\n"
        f"<script>track()</script>\n\n{shown}<!-- end -->\n"
    )
    text = read(tmp_path / "a.md").pages[0]
    assert shown in text
    assert text.split("`", 1)[0].split() == ["#", "Pier", "It", "is", "open.", "Daily."]
    assert not text.endswith("-->\n")
