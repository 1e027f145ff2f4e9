"""Make the four PDFs of sample_data/ from the Markdown beside this file.

    python sample_data_source/make_pdfs.py

A maintainer's tool: it needs Chromium, and mistune and pypdfium2 from requirements.txt. It reads
each PDF back and exits 1 when its words are not those of the source, in the same order.
"""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

SOURCE_DIR = Path(__file__).resolve().parent
PDF_DIR = SOURCE_DIR.parent / "sample_data"
MAX_BYTES = 300 * 1024
DATE = b"D:20240101000000+00'00'"  # every PDF says this, so that the same text gives the same bytes


@dataclass(frozen=True)
class Layout:
    """How one document looks on paper."""

    stem: str
    header: str  # stands at the top of every page but the first
    footer: str  # "%" is the page number
    page: str  # CSS page size
    css: str = ""


TWO_COLUMNS = """
body { columns: 2; column-gap: 8mm; font-size: 9.6pt; }
h1, h1 + p, table, h2:has(+ table) { column-span: all; }
"""

LAYOUTS = (
    Layout(
        stem="packet-company-fleet",
        header="Ferrow Packet Company – Fleet Handbook",
        footer="Page %",
        page="A5",
        css="p { break-inside: avoid; }",
    ),
    Layout(
        stem="lights-northern-district",
        header="Ferrow Lights Board: a Gazette",
        footer="%",
        page="A4",
        css=TWO_COLUMNS,
    ),
    Layout(
        stem="boatyards-of-the-ferrows",
        header="How We Make Things: Five Boatyards",
        footer="– % –",
        page="A4",
        css="body { font-family: 'Liberation Sans', sans-serif; font-size: 10.4pt; }",
    ),
    Layout(
        stem="sandry-museum-guide",
        header="Sandry Harbour Museum",
        footer="Guide to the Seven Rooms, page %",
        page="A5",
        css="p { break-inside: avoid; } td { white-space: nowrap; } "
        "h2 { border-bottom: 0.5pt solid #444; }",
    ),
)

CSS = """
@page { size: PAGE; margin: 20mm 17mm 20mm 17mm;
  @top-center { content: "HEADER"; font: italic 8.5pt 'Liberation Serif', serif; }
  @bottom-center { content: FOOTER; font: 8.5pt 'Liberation Serif', serif; } }
@page :first { @top-center { content: none; } }
body { font: 10.6pt/1.4 'Liberation Serif', serif; hyphens: none; margin: 0;
  font-variant-ligatures: none; orphans: 3; widows: 3; }
h1 { font-size: 1.7em; line-height: 1.15; margin: 0 0 4mm; }
h2 { font-size: 1.2em; margin: 5mm 0 2mm; break-after: avoid; }
p { margin: 0 0 2.6mm; }
table { border-collapse: collapse; margin: 3mm 0; font-size: 0.9em; width: 100%; }
table, tr { break-inside: avoid; }
th, td { border: 0.4pt solid #777; padding: 1mm 1.6mm; text-align: left; }
.whole { white-space: nowrap; }
"""


def main() -> int:
    chromium = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if chromium is None:
        print("Chromium was not found. Install it (Debian: apt-get install chromium).")
        return 1
    failed = 0
    for layout in LAYOUTS:
        source = (SOURCE_DIR / f"{layout.stem}.md").read_text(encoding="utf-8")
        pdf_path = PDF_DIR / f"{layout.stem}.pdf"
        pdf_path.write_bytes(print_pdf(chromium, to_html(source, layout)))
        problem = find_problem(source, pdf_path, layout)
        failed += bool(problem)
        print(f"{pdf_path.name}: {problem or f'as its source, {pdf_path.stat().st_size} bytes'}")
    return 1 if failed else 0


def to_html(source: str, layout: Layout) -> str:
    """The page as HTML; a word with a hyphen stays on one line, or PDF readers would split it."""
    import mistune

    body = mistune.create_markdown(plugins=["table"])(source)
    assert isinstance(body, str)
    body = re.sub(r"[^\s<>]+-[^\s<>]+(?![^<]*>)", r'<span class="whole">\g<0></span>', body)
    before, after = (f'"{part}"' for part in layout.footer.split("%"))
    css = CSS.replace("PAGE", layout.page).replace("HEADER", layout.header)
    css = css.replace("FOOTER", f"{before} counter(page) {after}") + layout.css
    title = html.escape(source.splitlines()[0].removeprefix("# "))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{css}</style><body>{body}</body></html>"
    )


def print_pdf(chromium: str, page: str) -> bytes:
    """Print one HTML page; the dates inside the PDF are replaced by a fixed one."""
    with tempfile.TemporaryDirectory() as folder:
        html_path, pdf_path = Path(folder, "page.html"), Path(folder, "page.pdf")
        html_path.write_text(page, encoding="utf-8")
        flags = ["--headless", "--no-pdf-header-footer", f"--user-data-dir={folder}/profile"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")  # Chromium's sandbox refuses to start for root
        command = [chromium, *flags, f"--print-to-pdf={pdf_path}", html_path.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        return re.sub(rb"D:\d{14}\+00'00'", DATE, pdf_path.read_bytes())


def find_problem(source: str, pdf_path: Path, layout: Layout) -> str:
    """What is wrong with a PDF: "" when its words are its source's, in the same order."""
    import pypdfium2

    if pdf_path.stat().st_size > MAX_BYTES:
        return f"{pdf_path.stat().st_size} bytes, at most {MAX_BYTES} expected"
    found: list[str] = []
    with pypdfium2.PdfDocument(pdf_path) as pdf:
        for number, page in enumerate(pdf, start=1):
            footer = layout.footer.replace("%", str(number))
            lines = (line.strip() for line in page.get_textpage().get_text_bounded().splitlines())
            kept = (line for line in lines if line not in (layout.header, footer))
            found += " ".join(kept).split()
    expected = words_of(source)
    for place, (ours, theirs) in enumerate(zip(expected, found, strict=False)):
        if ours != theirs:
            return f"word {place} is {theirs!r}, {ours!r} expected"
    if len(expected) != len(found):
        return f"{len(found)} words, {len(expected)} expected"
    return ""


def words_of(source: str) -> list[str]:
    """`| WR-12 | 2 days |` → ["WR-12", "2", "days"]: the words without the Markdown marks."""
    source = re.sub(r"(?m)^\|[-|]+\|$", "", source)
    return re.sub(r"(?m)^#+ |[*|]", " ", source).split()


if __name__ == "__main__":
    sys.exit(main())
