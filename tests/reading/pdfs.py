"""PDFs for the tests of reading: any script, any angle, rotated pages, forms."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import cos, radians, sin
from pathlib import Path

WIDTH, HEIGHT = 600, 800
GLYPH_WIDTH = 0.55  # of the letter size: every glyph of the font has it

# A font of one glyph, a box, which stands for every character: PDFium leaves out what has no shape.
_FONT = zlib.decompress(
    base64.b64decode(
        "eNpjYGRgYOBgaGBgZmBIzk0sYOBhOMjAwCgAFDVJz6lM8+Py4wDyfUD8jNTEFP25f1SA7B4gNssACrB6ME4Cso8A"
        "sUpGbkkFUwSDEVA9UA8DW05+ciKDFAMvkO8C4ucmVhQwsDCwAdkvgFihIL+4BGQvUL4BxGcAuQWII1KWvYnnt/nK"
        "wMwMUsfw3OCOC5wGmf6FaQ+Qy8zAxAABQD3MCv8tGBiY1IDyRoxfwCYhA0awCBPQdogME5o8VCdcDuQqESDJCKZZ"
        "gG5jAJIQ3Xn//0PI/5Ph9vAC/QmyBeY6oH5jQUVBI8ZDTHv+uuCTYWbACwCj4zeg"
    )
)
_TO_UNICODE = (
    "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def "
    "1 begincodespacerange <0000> <FFFF> endcodespacerange "
    # U+FEFB is one shape of two letters, lam and alef
    "2 beginbfrange <0000> <FEFA> <{first}> <FEFC> <FFFE> <{last}> endbfrange "
    "1 beginbfchar <FEFB> <06440627> endbfchar endcmap end end"
)


@dataclass(frozen=True)
class Shown:
    """A string at a place of the page as it is seen, its origin at the lower left."""

    text: str
    x: float
    y: float
    size: float = 10
    angle: float = 0  # degrees, counterclockwise
    ink: str = ""  # operators before it: its colour, a box behind it
    font: str = "F"  # "G": the same letters, and higher lines

    @property
    def width(self) -> float:
        return GLYPH_WIDTH * self.size * len(self.text)


@dataclass(frozen=True)
class Field:
    """A text field of a form, or a note ("FreeText") on the page."""

    value: str
    box: tuple[float, float, float, float]
    subtype: str = "Widget"
    more: str = ""  # other entries of its dictionary


def write_pdf(
    path: Path,
    pages: Sequence[Iterable[Shown]],
    *,
    rotate: int = 0,
    fields: Mapping[int, Sequence[Field]] | None = None,
    to_unicode: int | None = 0,
    vertical: bool = False,
    tex: bool = False,
) -> Path:
    """The pages; `rotate` turns each as a scanner does, and its strings against it.

    `to_unicode` is what the font says of a character's code: 0 = the truth, 1 = the next letter,
    None = nothing. A vertical string goes down from its place. `tex`: a bitmap font of TeX.
    """
    objects = ["", ""]
    objects.append(_stream(_FONT))
    objects.append(_stream(b"\0\1" * 0x10000))  # the glyph of each code
    objects.append(
        _stream(
            _TO_UNICODE.format(
                first=f"{to_unicode or 0:04X}", last=f"{0xFEFC + (to_unicode or 0):04X}"
            ).encode()
        )
    )
    mapped = "" if to_unicode is None else "/ToUnicode 5 0 R"
    for ascent, descent in ((800, -200), (1100, -350)):
        first = len(objects) + 1
        objects.append(
            f"<< /Type /FontDescriptor /FontName /Box /Flags 4 /Ascent {ascent} /Descent {descent} "
            f"/FontBBox [0 {descent} 1000 {ascent}] /ItalicAngle 0 /CapHeight 700 /StemV 80 "
            "/FontFile2 3 0 R >>"
        )
        objects.append(
            "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Box /CIDToGIDMap 4 0 R "
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> "
            f"/FontDescriptor {first} 0 R /DW {1000 * GLYPH_WIDTH} >>"
        )
        objects.append(
            f"<< /Type /Font /Subtype /Type0 /BaseFont /Box /Encoding /Identity-{'HV'[vertical]} "
            f"/DescendantFonts [{first + 1} 0 R] {mapped} >>"
        )
    if tex:
        objects[7] = _tex_font(objects)
    width, height = (HEIGHT, WIDTH) if rotate % 180 else (WIDTH, HEIGHT)
    kids, all_fields = [], []
    for number, page in enumerate(pages):
        annotations = []
        for field in (fields or {}).get(number, ()):
            objects.append(_annotation(field))
            annotations.append(f"{len(objects)} 0 R")
            if field.subtype == "Widget":
                all_fields.append(annotations[-1])
        objects.append(_stream("\n".join(_drawn(item, rotate, tex) for item in page).encode()))
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Rotate {rotate} "
            f"/Resources << /Font << /F 8 0 R /G 11 0 R >> >> /Contents {len(objects)} 0 R "
            f"/Annots [{' '.join(annotations)}] >>"
        )
        kids.append(f"{len(objects)} 0 R")
    form = f"/AcroForm << /Fields [{' '.join(all_fields)}] >>" if all_fields else ""
    objects[0] = f"<< /Type /Catalog /Pages 2 0 R {form} >>"
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    body, offsets = "%PDF-1.7\n", []
    for number, text in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    body += f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"
    body += f"startxref\n{body.index('xref')}\n%%EOF\n"
    path.write_bytes(body.encode("latin-1"))
    return path


def column(
    texts: Sequence[str], *, x: float = 60, top: float = 700, size: float = 10
) -> list[Shown]:
    """Texts below one another with the usual leading."""
    return [Shown(text, x, top - 1.2 * size * i, size) for i, text in enumerate(texts)]


def _tex_font(objects: list[str]) -> str:
    """A Type 3 font, turned over twice, of which PDFium knows neither letters nor heights."""
    shapes = {}
    for letters, low, high in (("gpqy", -20, 43), ("acemnorsuvwxz", 0, 43), ("", 0, 69)):
        shape = f"55 0 0 {low} 50 {high} d1 0 {low} 50 {high - low} re f"
        objects.append(_stream(shape.encode()))
        shapes[letters] = f"{len(objects)} 0 R"
    drawn = [
        next(shape for letters, shape in shapes.items() if not letters or chr(code) in letters)
        for code in range(128)
    ]
    names = " ".join(f"/c{code}" for code in range(128))
    procs = " ".join(f"/c{code} {shape}" for code, shape in enumerate(drawn))
    return (
        "<< /Type /Font /Subtype /Type3 /FontMatrix [1 0 0 -1 0 0] /FontBBox [0 -20 50 69] "
        f"/FirstChar 0 /LastChar 127 /Widths [{'55 ' * 128}] /CharProcs << {procs} >> "
        f"/Encoding << /Type /Encoding /Differences [0 {names}] >> /Resources << >> >>"
    )


def _drawn(shown: Shown, rotate: int, tex: bool) -> str:
    """The string on the page as it lies before the viewer turns it clockwise by `rotate`."""
    x, y = {
        0: (shown.x, shown.y),
        90: (HEIGHT - shown.y, shown.x),
        180: (WIDTH - shown.x, HEIGHT - shown.y),
        270: (shown.y, WIDTH - shown.x),
    }[rotate]
    turn = radians(shown.angle + rotate)
    c, s = cos(turn), sin(turn)
    code = shown.text.encode("ascii" if tex else "utf-16-be").hex().upper()
    size, up = (shown.size / 100, -1) if tex else (shown.size, 1)
    matrix = f"{c:.5f} {s:.5f} {-s * up:.5f} {c * up:.5f} {x:.2f} {y:.2f}"
    return f"q {shown.ink} BT /{shown.font} {size} Tf {matrix} Tm <{code}> Tj ET Q"


def _annotation(field: Field) -> str:
    box = " ".join(map(str, field.box))
    text = f"<FEFF{field.value.encode('utf-16-be').hex().upper()}>"
    kind = f"/FT /Tx /T (f{box}) /V {text}" if field.subtype == "Widget" else f"/Contents {text}"
    more = field.more or kind
    return f"<< /Type /Annot /Subtype /{field.subtype} {more} /Rect [{box}] /F 4 /DA (/F 10 Tf) >>"


def _stream(content: bytes) -> str:
    packed = zlib.compress(content)
    head = f"<< /Length {len(packed)} /Filter /FlateDecode >>"
    return f"{head}\nstream\n{packed.decode('latin-1')}\nendstream"
