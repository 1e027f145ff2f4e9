"""Small PDFs, documents and chunks for the tests of lib/gen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random

from lib.duplicates import conflicts
from lib.gen.chunkers import Embed
from lib.gen.chunks import Split, Splitter
from lib.recipe import Recipe
from lib.records import Chunk, Document, Page, Question

Text = tuple[float, float, float, str]  # x, y, letter size, text

SCANNED = "q 200 0 0 200 50 50 cm BI /W 1 /H 1 /CS /G /BPC 8 ID A EI Q"


def write_pdf(
    path: Path, pages: Sequence[Sequence[Text] | str], *, title: str = "", locked: bool = False
) -> Path:
    """A PDF in Helvetica; a page is its texts, or a raw content stream."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    objects.append(
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    )
    objects.append(f"<< /Title ({title}) >>")
    kids = []
    for page in pages:
        content = page if isinstance(page, str) else "\n".join(map(_show, page))
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Resources << /Font << /F 3 0 R "
            f">> >> /Contents {len(objects) + 2} 0 R >>"
        )
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    trailer = "/Root 1 0 R /Info 4 0 R"
    if locked:
        objects.append(f"<< /Filter /Standard /V 1 /R 2 /O <{'41' * 32}> /U <{'42' * 32}> /P -4 >>")
        trailer += f" /Encrypt {len(objects)} 0 R /ID [<{'43' * 16}> <{'43' * 16}>]"
    body, offsets = "%PDF-1.4\n", []
    for number, text in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    count = len(objects) + 1
    body += f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n<< /Size {count} {trailer} >>\n"
    body += f"startxref\n{body.index('xref')}\n%%EOF\n"
    path.write_bytes(body.encode("cp1252"))
    return path


def _show(text: Text) -> str:
    x, y, size, words = text
    escaped = words.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"BT /F {size} Tf {x} {y} Td ({escaped}) Tj ET"


def lines(texts: Sequence[str], *, x: float = 50, top: float = 700, size: float = 10) -> list[Text]:
    """Texts below one another with the usual leading."""
    return [(x, top - 1.2 * size * i, size, text) for i, text in enumerate(texts)]


def prose(rng: Random, sentences: int) -> str:
    """Sentences of invented words, each unlike any other; a paragraph every six."""
    pieces = []
    for number in range(sentences):
        words = [
            "".join(rng.choices("abcdefghilmnoprstuv", k=rng.randint(3, 9))) for _ in range(11)
        ]
        end = "\n\n" if number % 6 == 5 else " "
        pieces.append(f"The {' '.join(words)} {rng.randint(100, 99999)}.{end}")
    return "".join(pieces).strip()


def document(name: str, text: str) -> Document:
    return Document(name, name.split(".")[0], text, (Page(1, 0, len(text)),), "0" * 64)


def corpus(seed: int, *, documents: int = 4, sentences: int = 60) -> list[Document]:
    """Documents of prose; the last one repeats a part of the first."""
    rng = Random(seed)
    made = [document(f"{i}.txt", prose(rng, sentences)) for i in range(documents - 1)]
    copied = f"{prose(rng, 12)}\n\n{made[0].text[:1500]}\n\n{prose(rng, 12)}"
    return [*made, document(f"{documents - 1}.txt", copied)]


def split_documents(
    documents: Sequence[Document], recipe: Recipe, *, embed: Embed | None = None
) -> Split:
    """What all of them give, one after another."""
    splitter = Splitter(recipe, embed=embed)
    splits = [splitter.split(document) for document in documents]
    return Split(
        [chunk for split in splits for chunk in split.chunks],
        [item for split in splits for item in split.dropped],
    )


@cache  # nobody changes them
def chunked(
    seed: int = 0, *, overlap: int = 80, documents: int = 4, sentences: int = 60
) -> tuple[list[Chunk], dict[str, set[str]]]:
    made = corpus(seed, documents=documents, sentences=sentences)
    # The repeated part is kept: what counts as the same must be met.
    chunks = split_documents(
        made, Recipe(chunk_chars=400, chunk_overlap_chars=overlap, near_duplicate_share=0)
    ).chunks
    return chunks, conflicts(chunks)


def questions_on(chunks: Sequence[Chunk], *, per_chunk: int = 2) -> list[Question]:
    """Questions whose answers are words of the chunk, with a true quote."""
    made = []
    for chunk in chunks:
        words = chunk.text.split()
        for number in range(per_chunk):
            start = 4 * number % (len(words) - 4)
            quote = " ".join(words[start : start + 4])
            answer = words[start + 3].strip(".")
            cot = f"It says ##begin_quote## {quote} ##end_quote## <ANSWER>: {answer}"
            text = f"What is item {number} of {chunk.id}?"
            made.append(Question(f"{chunk.id}?{number}", chunk.id, text, cot, answer))
    return made
