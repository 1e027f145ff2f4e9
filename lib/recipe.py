"""Every knob of the four notebooks, declared once, and the checked record that stages take.

A knob has a default, a range or choices, a meaning (with its unit and source) and the notebooks
that read it. From these declarations come the check at the start, `./run_all.sh --list`, the tables
in docs/ and the defaults of the notebooks' parameters cells.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from lib.settings import SetupError
from lib.text import one_line

NOTEBOOKS = ("1_gen", "2_finetune", "3_deploy", "4_eval")
_PAPER = "arXiv:2403.10131"


@dataclass(frozen=True)
class Knob:
    name: str
    type: str  # "bool", "int", "float", "str", "list[int]", "list[str]" or "str | list[str]"
    default: Any
    meaning: str
    notebooks: tuple[str, ...]  # the notebooks that read it
    group: str  # the heading it stands under in lists
    low: float | None = None  # least value, or the value it must exceed
    high: float | None = None  # largest value, or the value it must stay below
    low_open: bool = False
    high_open: bool = False
    choices: tuple[str, ...] = ()  # of a text, or of each item of a list
    source: str = ""  # a paper or a page

    @property
    def range(self) -> str:
        """`more than 0, at most 1`, `one of a, b`; "" where any value of the type will do."""
        if self.choices:
            named = ", ".join(repr(choice) for choice in self.choices)
            return f"{'some of' if self.type.startswith('list') else 'one of'} {named}"
        parts = []
        if self.low is not None:
            parts.append(f"more than {self.low:g}" if self.low_open else f"at least {self.low:g}")
        if self.high is not None:
            parts.append(f"below {self.high:g}" if self.high_open else f"at most {self.high:g}")
        return ", ".join(parts)

    def checked(self, value: Any, where: str = "") -> Any:
        """The value itself; an int becomes a float where a float is declared."""
        said = f"{where}: {self.name} is {value!r}" if where else f"{self.name} is {value!r}"
        if self.type == "float" and type(value) is int:
            value = float(value)
        if not _fits(value, self.type):
            like = f", like {self.default!r}" if self.default else ""
            raise SetupError(f"{said}, a {type(value).__name__}; expected {self.type}{like}.")
        items = value if isinstance(value, list) else [value]
        if not all(map(self._in_range, items)):
            raise SetupError(f"{said}; expected {self.range}.")
        return value

    def _in_range(self, value: Any) -> bool:
        if self.choices:
            return value in self.choices
        if value in (math.inf, -math.inf):
            return False
        low, high = self.low, self.high
        above = low is None or value > low or (value == low and not self.low_open)
        return above and (high is None or value < high or (value == high and not self.high_open))


def _knobs(group: str, *notebooks: str) -> Callable[..., Any]:
    """A function that declares knobs of one group: `knob(default, "meaning", low=…, …)`."""

    def knob(default: Any, meaning: str, *, also: tuple[str, ...] = (), **details: Any) -> Any:
        details |= {"default": default, "meaning": meaning, "group": group}
        details["notebooks"] = tuple(n for n in NOTEBOOKS if n in (*notebooks, *also))
        if isinstance(default, list):
            return dataclasses.field(default_factory=default.copy, metadata=details)
        return dataclasses.field(default=default, metadata=details)

    return knob


_SHARE: dict[str, Any] = {"low": 0, "high": 1}
_PART: dict[str, Any] = {"low": 0, "high": 1, "high_open": True}
_POSITIVE: dict[str, Any] = {"low": 0, "low_open": True}
_JUDGED = ("correct", "relevance", "groundedness", "fluency", "coherence", "similarity")
_JUDGE_METRICS = tuple(f"judge_{name}" for name in _JUDGED)
# One module of lib/reading/files reads each type of file.
_READERS = Path(__file__).with_name("reading") / "files"
_FILE_TYPES = sorted(path.stem for path in _READERS.iterdir() if path.stem[0] != "_")

_run = _knobs("The run", *NOTEBOOKS)
_documents = _knobs("Documents", "1_gen")
_chunks = _knobs("Chunks", "1_gen")
_teacher = _knobs("What the teacher is asked", "1_gen")
_gates = _knobs("Which of its rows are taken", "1_gen")
_rows = _knobs("Rows", "1_gen")
_sending = _knobs("How requests are sent", "1_gen", "4_eval")
_asking_once = _knobs("How requests are sent", "1_gen")
_training = _knobs("The student and its training", "2_finetune")
_serving = _knobs("Serving and its answers", "3_deploy")
_asking = _knobs("What the models are asked", "4_eval")
_judging = _knobs("The judge, if JUDGE_… of .env names one", "4_eval")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The value of every knob, checked: what each stage takes."""

    # fmt: off
    run_name: str = _run("tiny", "names the folders of this run")
    seed: int = _run(42, "the same seed gives the same bytes", low=0, high=4_000_000_000)

    dataset_kind: str = _documents("raft", choices=("raft", "qa"),
        meaning="'raft', or 'qa': plain question–answer pairs, and nothing to train on")
    doc_path: str | list[str] = _documents("sample_data",
        meaning="a folder, file, glob or sitemap, or a list of them")
    eval_doc_path: str | list[str] = _documents("",
        meaning="the same: documents that only evaluate, none of which is trained on")
    eval_file: str = _documents("",
        meaning="people's questions for 4_eval: CSV, XLSX, JSON or JSONL of question and answer")
    train_file: str = _documents("",
        meaning="people's questions to train on: a table of question, answer and where it stands")
    doctype: str = _documents("", choices=("", *_FILE_TYPES),
        meaning="read all files as this type; '' = by each file's name")
    max_pages: int = _documents(1000, "pages of a sitemap that are read at most", low=1)
    requests_per_second: float = _documents(2.0, **_POSITIVE,
        meaning="pace at which a website is read, for each host")
    allow_loopback: bool = _documents(False, "a sitemap may name pages of this machine")
    cluster: str = _documents("", also=("4_eval",),
        meaning="Ray cluster that reads, cuts and embeds (docs/cluster.md): its address HOST:PORT, "
        "or 'auto'; '' = this machine alone")

    chunker: str = _chunks("recursive", choices=("recursive", "markdown", "semantic"),
        meaning="where documents are cut; 'semantic' embeds every sentence")
    chunk_chars: int = _chunks(1000, "longest chunk, characters", low=100, high=100_000)
    chunk_overlap_chars: int = _chunks(100, "what neighbouring chunks share, characters", low=0)
    min_chunk_chars: int = _chunks(50, "shorter chunks are dropped, characters", low=1)
    near_duplicate_share: float = _chunks(0.8, **_SHARE,
        meaning="drop chunks with this share of their 5-word runs in another; 0 = only equal ones")
    max_chunks: int = _chunks(0, "ask about so many chunks at most, drawn by seed; 0 = all", low=0)

    ask_mode: str = _teacher("separate", choices=("separate", "joint"),
        meaning="'separate': questions, then one answer each; 'joint': all in one reply")
    questions_per_chunk: int = _teacher(4, low=0, high=100,
        meaning="questions the teacher is asked for, per chunk")
    questions_per_document: int = _teacher(0, low=0, high=10_000,
        meaning="spread evenly over its chunks instead; 0 = questions_per_chunk")
    question_style: str = _teacher("search", "a name below question_styles in the prompts")
    language: str = _teacher("",
        meaning="of questions and reasoning ('Vietnamese', 'ko'), checked in each row; '' = the "
        "document's own, not checked")
    prompt_variant: str = _teacher("gpt", choices=("gpt", "llama"),
        meaning="the teacher's prompts; 'llama' for open models")
    prompts_path: str = _teacher("", "a YAML of yours with the teacher's prompts that differ")
    temperature: float = _teacher(0.0, "sampling temperature of the teacher", low=0, high=2)
    max_question_tokens: int = _teacher(2048, low=1,
        meaning="longest reply with questions or rows, tokens; many for a teacher that thinks")
    max_cot_answer_tokens: int = _teacher(2048, "the same of a reply with one answer", low=1)
    rationale: bool = _teacher(False, source=_PAPER,
        meaning="the reasoning is written anew from the verified answer: a request more, each row")

    max_repairs: int = _gates(1, low=0, high=10,
        meaning="how often a rejected row is asked again, with the reason")
    max_answer_words: int = _gates(0, low=0, high=1000,
        meaning="longest final answer, words; 0 = 40, of a pair 150")
    round_trip: bool = _gates(False,
        meaning="answered again from the document alone, it must be the same: a request more, "
        "each row")
    passage_dependency: bool = _gates(False,
        meaning="answered without the document, it must not be the same: a request more, each row")
    min_rating: int = _gates(0, low=0, high=5,
        meaning="least rating by the judge, 1–5: a request more, each row; 0 = rate nothing")
    semantic_duplicates: bool = _gates(False,
        meaning="drop questions that say the same in other words (embeds them)")
    max_similarity: float = _gates(0.95, **_SHARE,
        meaning="cosine from which two questions with one answer are the same")

    num_distractors: int = _rows(4, "documents beside the oracle", low=0, high=1000, source=_PAPER)
    min_distractors: int = _rows(-1, low=-1, high=100,
        meaning="training rows have from so many to num_distractors; -1 = all have num_distractors")
    distractor_mode: str = _rows("random", choices=("random", "hard", "mixed"),
        meaning="'random', 'hard' (the question's neighbours) or 'mixed' (half and half)")
    hard_by: str = _rows("words", choices=("words", "embedding"),
        meaning="neighbours by 'words' (BM25) or by 'embedding'")
    distractors_per: str = _rows("question", choices=("question", "chunk", "context"),
        meaning="a context for each question, for all of a 'chunk', or for those of all its chunks")
    too_few: str = _rows("error", choices=("error", "fewer"),
        meaning="documents that cannot fill rows are an error, or give rows with fewer distractors")
    embedding_model: str = _rows("", also=("4_eval",),
        meaning="folder or name; '' = EMBEDDING_… of .env, else MiniLM")
    oracle_probability: float = _rows(0.8, source=_PAPER, **_SHARE,
        meaning="share of rows whose context holds the oracle")
    no_oracle_mode: str = _rows("memorise", choices=("memorise", "refuse", "both"), source=_PAPER,
        meaning="rows without the oracle: 'memorise' (paper), 'refuse' or 'both'")
    refusal_probability: float = _rows(0.05, **_SHARE,
        meaning="share of rows made to be refused, whatever no_oracle_mode says")
    refusal: str = _rows("",
        meaning="the student's refusal; '' = I cannot answer this from the documents given.")
    split_by: str = _rows("chunk", choices=("chunk", "document"),
        meaning="hold out groups of chunks, or (of 10 documents or more) whole documents")
    valid_share: float = _rows(0.1, **_PART,
        meaning="share of chunks whose questions validate the training")
    eval_share: float = _rows(0.2, "share of chunks whose questions evaluate the student", **_PART)

    dry_run: bool = _asking_once(False,
        meaning="say what asking would take, and stop before anything is paid")
    batch: bool = _asking_once(False,
        meaning="through the Batch API: half the price, an answer within a day")
    concurrency: int = _sending(16, low=1, high=10_000,
        meaning="requests in flight to an endpoint, but for the student's and the baseline's")
    requests_per_minute: int = _sending(0, "the account's limit; 0 = none to keep", low=0)
    tokens_per_minute: int = _sending(0, low=0,
        meaning="the account's limit, prompt and completion; 0 = none")
    tokens_per_day: int = _sending(0, "the same in any 24 hours, over all runs; 0 = none", low=0)
    max_cost: float = _sending(0.0, low=0, also=("2_finetune",),
        meaning="what a notebook may spend, embeddings included, in the currency of prices.yaml; 0 "
        "= no limit")
    max_tokens_total: int = _sending(0, "tokens a notebook may take; 0 = no limit", low=0)
    timeout_s: float = _sending(600.0, "the longest a request may take, seconds", **_POSITIVE)
    max_retries: int = _sending(8, low=0, high=100,
        meaning="how often a request is sent again after a fault")

    student_model: str = _training("embedded",
        meaning="the model to start from: 'embedded', a folder or a hub name")
    student_memory_gib: float = _training(0.0, low=0,
        meaning="GPU memory that training takes, GiB; 0 = it also runs on a CPU")
    dataset_format: str = _training("chat", choices=("chat", "completion", "alpaca"),
        meaning="rows by the model's chat template; 'completion': plain text; 'alpaca': instruction"
        ", input and response")
    chat_template_path: str = _training("",
        meaning="a Jinja file of yours in the place of the model's chat template")
    method: str = _training("lora", choices=("lora", "qlora", "lora_8bit", "full", "hosted"),
        meaning="'lora': adapters; 'qlora', 'lora_8bit': the same beside weights in 4 (NF4) or 8 "
        "bit; 'full': every weight; 'hosted': a job of the service that STUDENT_… of .env names")
    num_epochs: float = _training(3.0, "passes over the training rows", **_POSITIVE)
    max_steps: int = _training(0, "updates, in the place of num_epochs; 0 = by num_epochs", low=0)
    learning_rate: float = _training(2e-5, "peak learning rate", high=1, **_POSITIVE)
    learning_rate_schedule: str = _training("cosine", choices=("cosine", "linear", "constant"),
        meaning="how it falls after the warm-up")
    warmup_share: float = _training(0.05, **_PART,
        meaning="share of the updates over which the learning rate rises")
    lora_rank: int = _training(16, low=0, high=1024, source="arXiv:2106.09685",
        meaning="rank of the adapters, at least 1")
    lora_alpha: int = _training(32, "scale of the adapters, usually twice the rank", low=1)
    lora_dropout: float = _training(0.05, "dropout inside the adapters", **_PART)
    lora_targets: list[str] = _training([],
        meaning="layers with an adapter, like ['q_proj', 'v_proj']; [] = all linear layers")
    use_rslora: bool = _training(False, source="arXiv:2312.03732",
        meaning="the adapters' scale is lora_alpha / √lora_rank")
    use_dora: bool = _training(False, source="arXiv:2402.09353",
        meaning="the adapters' direction and magnitude are learnt apart; slower")
    from_adapter: str = _training("",
        meaning="go on from this adapter (an earlier student's folder, or `adapter/` in it), whose "
        "rank and layers stay")
    batch_size: int = _training(8, "rows a step, per device", low=1)
    share_contexts: bool = _training(True,
        meaning="up to batch_size rows with one context are trained as one sequence")
    gradient_accumulation_steps: int = _training(1, low=1,
        meaning="steps whose gradients are added up before an update")
    max_length_tokens: int = _training(0, low=0,
        meaning="longest row, tokens; 0 = as measured. A longer row stops the run")
    eval_steps: int = _training(0, low=0,
        meaning="updates from one validation to the next; 0 = four validations in all")
    early_stop_patience: int = _training(0, low=0,
        meaning="stop after so many validations without a lower loss, and keep the best; 0 = never")
    save_steps: int = _training(0, low=-1,
        meaning="updates from one checkpoint to the next: what a killed run loses at most; 0 = ten "
        "checkpoints in all, -1 = none")
    parallel: str = _training("ddp", choices=("ddp", "fsdp2", "zero3"),
        meaning="how several processes share the work (torchrun): 'ddp': each has the whole model; "
        "'fsdp2', 'zero3': each a part")
    report_to: str = _training("none",
        choices=("none", "tensorboard", "wandb", "mlflow", "trackio"),
        meaning="a tracker beside metrics.jsonl; its package is yours to install")
    then: str = _training("", choices=("", "dpo", "grpo"),
        meaning="a second training: 'dpo' on preferences, 'grpo' on rewards that rules check")
    preferences_path: str = _training("",
        meaning="for 'dpo': the folder or JSONL of `python -m lib.gen convert --to preference`")
    dpo_beta: float = _training(0.1, high=2, **_POSITIVE,
        meaning="for 'dpo': how closely the student keeps to what it was (arXiv:2305.18290)")
    then_steps: int = _training(100, "updates of the second training, but not hosted", low=1)
    then_learning_rate: float = _training(1e-6, high=1, **_POSITIVE,
        meaning="peak learning rate of the second training, but not hosted")
    then_epochs: int = _training(1, "hosted: passes over the pairs of the second training", low=1)
    num_generations: int = _training(8, low=2,
        meaning="for 'grpo': replies to each prompt, which are compared with each other")
    training_type: str = _training("",
        meaning="hosted: the service's kind of training, as Azure's 'GlobalStandard'; '' = its own")
    learning_rate_multiplier: float = _training(0.0, low=0,
        meaning="hosted: of the service's learning rate; 0 = as it chooses")
    hosted_timeout_h: float = _training(24.0, **_POSITIVE,
        meaning="hosted: hours to wait for a job, which goes on at the service after them")

    engine: str = _serving("auto", choices=("auto", "transformers", "vllm", "llama_cpp"),
        meaning="what serves the models here; 'auto': vLLM on a GPU if `make vllm` has run, else "
        "transformers")
    serve_adapter: bool = _serving(False,
        meaning="vllm: one server of the baseline with the student's adapter, unmerged")
    tensor_parallel: int = _serving(1, "vllm: GPUs, or parts of a CPU, that share a model", low=1)
    gguf_type: str = _serving("", choices=("", "f32", "f16", "bf16", "q8_0"),
        meaning="llama_cpp: numbers in its file; '' = the model's 16 bits")
    server_memory_gib: float = _serving(0.0, low=0,
        meaning="memory that each server gets on a CPU, GiB; 0 = by the model's size")
    server_timeout_s: float = _serving(600.0, "seconds until a server must answer", **_POSITIVE)
    server_concurrency: int = _serving(16, low=1, high=10_000, also=("4_eval",),
        meaning="requests in flight to the student, and as many to the baseline")
    max_answer_tokens: int = _serving(256, "longest answer, tokens", low=1, also=("4_eval",))

    models: list[str] = _asking(["student", "baseline"],
        meaning="the first is judged; 'teacher', or others of .env")
    plain_baseline: bool = _asking(True, "ask the baseline with a plain prompt, too")
    top_k: list[int] = _asking([5, 3, 7], low=1, high=1000,
        meaning="documents that are retrieved: one condition each, the first decides")
    retrieval: list[str] = _asking(["hybrid"],
        meaning="how they are found: 'dense', 'keywords' or 'hybrid', and '+ rerank', '+ queries', "
        "'+ hyde', '+ languages', '+ folders', '+ route', '+ neighbours', '+ compress' behind it; "
        "the first decides, others are compared")
    index_models: list[str] = _asking([],
        meaning="of '+ languages' and '+ folders': indexes with an embedding model of their own, "
        "like ['vi=BAAI/bge-m3']")
    candidates: int = _asking(30, low=1, high=1000,
        meaning="documents that 'hybrid' fuses of each search, and that are re-ranked")
    rerank_model: str = _asking("",
        meaning="a cross-encoder, or 'llm'; '' = by the best sentence, with the embedding model")
    retrieval_role: str = _asking("teacher",
        meaning="the role of .env that '+ queries', '+ hyde', '+ route' and 'llm' ask")
    max_retrieval_tokens: int = _asking(512, low=1,
        meaning="its longest reply, tokens; several thousand for a model that thinks")
    max_questions: int = _asking(60, low=0,
        meaning="questions of the evaluation split at most, drawn by seed; 0 = all")
    allow_leakage: list[str] = _asking([], choices=("chunks", "questions"),
        meaning="what may be shared with training")

    judge_metrics: list[str] = _judging([], choices=_JUDGE_METRICS,
        meaning="[] = all; ['judge_correct'] alone costs a fraction")
    judge_prompts_path: str = _judging("", "a YAML of yours with the judge's prompts that differ")
    max_judge_tokens: int = _judging(1024, low=1,
        meaning="longest verdict, tokens; several thousand for a judge that thinks")
    # fmt: on

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Recipe:
        """From a notebook's `globals()`: the knobs of its parameters cells, and those in `more`.

        Another name in these cells is an error: papermill would only log it.
        """
        shown = {name: values[name] for name in KNOBS if name in values}
        more = values.get("more") or {}
        starts = "run_name", "# Parameters", "# Edit here"  # as these cells were run last
        cells = {cell[:1]: cell for cell in values.get("In", ()) if cell.startswith(starts)}
        given = re.findall(
            r"^(?!_|more\b)(\w+) *(?::[^=\n]*)?=(?!=)", "\n".join(cells.values()), re.M
        )
        for name in [*given, *more]:
            knob_named(name, "more" if name in more else "the cell of parameters")
        return cls(**(shown | more))

    def slots(self, role: str) -> int:
        """How many requests may be in flight to a role's endpoint."""
        return self.server_concurrency if role in ("student", "baseline") else self.concurrency

    @property
    def model_of_index(self) -> dict[str, str]:
        """index_models: name → embedding model."""
        return dict(map(_pair, self.index_models))

    @property
    def asking(self) -> dict[str, Any]:
        """The knobs that decide the questions, but for prompts_path: the prompts' texts count."""
        groups = ("What the teacher is asked", "Which of its rows are taken")
        names = [name for name, knob in KNOBS.items() if knob.group in groups]
        names = ["dataset_kind", "max_chunks", "seed", *names]
        return {name: getattr(self, name) for name in names if name != "prompts_path"}

    @property
    def shaping(self) -> dict[str, Any]:
        """The knobs that decide a dataset's rows, beside its documents, teacher and prompts."""
        names = [name for name, knob in KNOBS.items() if knob.group in ("Chunks", "Rows")]
        return {name: getattr(self, name) for name in names} | self.asking

    def __post_init__(self) -> None:
        for name, knob in KNOBS.items():
            object.__setattr__(self, name, knob.checked(getattr(self, name)))
        if found := [text for wrong, text in self._contradictions() if wrong]:
            raise SetupError(found[0])

    def _contradictions(self) -> list[tuple[bool, str]]:
        """(they hold, what is wrong) of values that are fine alone and not together."""
        # fmt: off
        return [
            (not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", self.run_name),
             f"run_name is {self.run_name!r}; it names folders: use at most 100 letters, digits "
             "and . _ -"),
            (not self.doc_path and not self.train_file,
             "doc_path is empty; expected a folder, file, glob or sitemap."),
            (not all(map(str.strip, _items(self.doc_path))),
             f"doc_path is {self.doc_path}; one of its items is empty. Take it out."),
            (not all(map(str.strip, _items(self.eval_doc_path))),
             f"eval_doc_path is {self.eval_doc_path}; one of its items is empty. Take it out."),
            (not self.doc_path and bool(self.eval_doc_path),
             "doc_path is empty, and eval_doc_path is not: the passages of train_file cannot be "
             "told from its documents. Leave eval_doc_path empty."),
            (not re.fullmatch(r"(auto|[^\s:/]+:\d{1,5})?", self.cluster),
             f"cluster is {self.cluster!r}; expected 'auto', HOST:PORT or ''."),
            (not self.questions_per_chunk and not self.train_file,
             "questions_per_chunk is 0, which leaves nothing to ask. Set it above 0, or give "
             "train_file."),
            (bool(self.train_file) and self.dataset_kind == "qa",
             "train_file makes RAFT rows, and dataset_kind is 'qa'. Set it to 'raft'."),
            (len(set(self.models)) < max(1, len(self.models)),
             f"models is {self.models}; expected at least one name, each once."),
            (len(set(self.top_k)) < max(1, len(self.top_k)),
             f"top_k is {self.top_k}; expected at least one number, each once."),
            (len({frozenset(map(str.strip, one.split("+"))) for one in self.retrieval})
             < max(1, len(self.retrieval)),
             f"retrieval is {self.retrieval}; expected at least one setting, each once."),
            (not all(map(retrieval_parts, self.retrieval)),
             f"retrieval is {self.retrieval}; expected 'dense', 'keywords' or 'hybrid', and behind "
             f"it any of {', '.join(f'+ {part}' for part in _RETRIEVAL_PARTS)} (one of "
             f"{' and '.join(DIVISIONS)}; route only with it)."),
            (not all(name and model for name, model in map(_pair, self.index_models)),
             f"index_models is {self.index_models}; expected an index and its embedding model, "
             "like 'vi=BAAI/bge-m3'."),
            (bool(self.index_models)
             and not any(map(division_of, map(retrieval_parts, self.retrieval))),
             f"index_models is {self.index_models}, and retrieval {self.retrieval} has one index. "
             f"Add + {' or + '.join(DIVISIONS)} to it."),
            (self.chunk_overlap_chars >= self.chunk_chars,
             f"chunk_overlap_chars is {self.chunk_overlap_chars}; expected less than chunk_chars "
             f"({self.chunk_chars})."),
            (2 * self.min_chunk_chars > self.chunk_chars,
             f"min_chunk_chars is {self.min_chunk_chars}; expected at most half of chunk_chars "
             f"({self.chunk_chars})."),
            (self.min_distractors > self.num_distractors,
             f"min_distractors is {self.min_distractors}; expected at most num_distractors "
             f"({self.num_distractors})."),
            (not self.eval_doc_path and not self.eval_share and not self.eval_file,
             "eval_share is 0, which leaves no question for 4_eval that is not trained on. Set it "
             "above 0, or give eval_doc_path or eval_file."),
            (not self.eval_doc_path and self.valid_share + self.eval_share >= 1,
             f"valid_share is {self.valid_share} and eval_share {self.eval_share}; expected a sum "
             "below 1."),
            (self.lora_rank == 0,
             "lora_rank is 0; expected at least 1. To train every weight, set method to 'full'."),
            (bool(self.from_adapter) and self.method == "full",
             "from_adapter is set, and method 'full' trains no adapter. Set method to 'lora'."),
            (bool(self.early_stop_patience) and self.save_steps < 0,
             "early_stop_patience keeps the best checkpoint, and save_steps -1 makes none. Set it "
             "to 0."),
            (self.method == "hosted" and self.num_epochs != int(self.num_epochs),
             f"num_epochs is {self.num_epochs:g}; a hosted job takes whole passes."),
            (self.method == "hosted" and self.then == "grpo",
             "then is 'grpo', and a service does not know its rewards. Set it to 'dpo' or ''."),
            (self.then == "dpo" and not self.preferences_path,
             "then is 'dpo', and preferences_path is empty: give the folder that `python -m "
             "lib.gen convert --to preference` prints."),
            (self.then == "grpo"
             and self.batch_size * self.gradient_accumulation_steps % self.num_generations != 0,
             f"num_generations is {self.num_generations}; expected a divisor of the rows of an "
             f"update ({self.batch_size} × {self.gradient_accumulation_steps})."),
            (self.method in ("qlora", "lora_8bit") and self.parallel != "ddp",
             f"method is '{self.method}', and parallel '{self.parallel}' would divide quantised "
             "weights. Set parallel to 'ddp', or method to 'lora'."),
            ((self.serve_adapter or self.tensor_parallel > 1) and self.engine != "vllm",
             f"engine is '{self.engine}', and serve_adapter and tensor_parallel are vLLM's. Set "
             "engine to 'vllm'."),
            (self.rationale and self.dataset_kind == "qa",
             "rationale is True, and dataset_kind 'qa' has no reasoning to write. Set rationale to "
             "False, or dataset_kind to 'raft'."),
            (self.batch and bool(self.max_cost or self.max_tokens_total),
             "max_cost and max_tokens_total stop single requests, and batch sends none. Set them "
             "to 0, and see with dry_run what a batch will cost."),
            (bool(self.refusal) and not _is_refusal(self.refusal),
             f"refusal is {self.refusal!r}; expected one sentence of three words or more, on one "
             "line and without the markers of prompts (< > ##)."),
        ]
        # fmt: on


DIVISIONS = ("languages", "folders")  # an index for each
_RETRIEVAL_PARTS = ("queries", "hyde", "rerank", "neighbours", "compress", *DIVISIONS, "route")


def retrieval_parts(setting: str) -> tuple[str, ...]:
    """`hybrid + rerank` → ("hybrid", "rerank"); () = it is not a retrieval setting."""
    first, *others = parts = tuple(part.strip() for part in setting.split("+"))
    known = first in ("dense", "keywords", "hybrid") and {*others} <= {*_RETRIEVAL_PARTS}
    divisions = len({*DIVISIONS} & {*others})
    sensible = divisions < 2 and (divisions or "route" not in others)
    return parts if known and sensible and len({*parts}) == len(parts) else ()


def division_of(parts: Sequence[str]) -> str:
    """What the indexes of a setting are of: "languages", "folders", or "": it has one index."""
    return next((part for part in parts if part in DIVISIONS), "")


def _pair(text: str) -> tuple[str, str]:
    """`vi = BAAI/bge-m3` → ("vi", "BAAI/bge-m3")"""
    name, _, model = text.partition("=")
    return name.strip(), model.strip()


def _items(paths: str | list[str]) -> list[str]:
    return paths if isinstance(paths, list) else [paths] if paths else []


def _fits(value: Any, declared_type: str) -> bool:
    if " | " in declared_type:
        return any(_fits(value, one) for one in declared_type.split(" | "))
    if declared_type.startswith("list["):
        return isinstance(value, list) and all(_fits(item, declared_type[5:-1]) for item in value)
    return type(value).__name__ == declared_type


def _is_refusal(text: str) -> bool:
    """Whether a reply can be known by this sentence."""
    words = re.findall(r"\w+", text)
    return text == one_line(text) and len(words) >= 3 and not re.search(r"[<>]|##", text)


KNOBS: dict[str, Knob] = {
    field.name: Knob(name=field.name, type=str(field.type), **field.metadata)
    for field in fields(Recipe)
}


def knob_named(name: str, where: str) -> Knob:
    """The knob of this name; `where` ("-r", a file's name) is for the error."""
    if name not in KNOBS:
        close = get_close_matches(name, KNOBS, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise SetupError(
            f"{where}: there is no parameter {name}.{hint} ./run_all.sh --list shows them all."
        )
    return KNOBS[name]
