"""Our metrics of answers as one module of Hugging Face `evaluate`, loaded from this folder.

`evaluate.load("lib/eval/evaluate_module").compute(predictions=[…], references=[…])`

`evaluate` runs a copy of this file out of its cache, so that what it imports of ours is found by
Python's path alone: have Openbook's folder in PYTHONPATH. A notebook or a prompt that was started
in the folder has it on its path; a script that lies elsewhere has not.
"""

import datasets
import evaluate

_DESCRIPTION = """\
Answers to questions about documents, against gold answers, by words of any script: exact match
and token F1 (SQuAD 1.1's normalisation), ROUGE-1/2/L, BLEU, chrF, answer containment, calls of
an API by their syntax trees, refusals, and quotes that stand verbatim in the documents.
"""

_INPUTS = """
Args:
    predictions: final answers, or whole replies in the chain-of-thought format
        ("… ##begin_quote## … ##end_quote## … <ANSWER>: …"); of these the final answer counts.
    references: one gold answer each.
    contexts (optional): the documents each was answered from, as one text: for the quotes.
    refusal (optional): the sentence that counts as a refusal.
Returns:
    The mean of each metric, 0-1, over the answers that it applies to (rouge_2: gold answers of
    two words or more; api_call_match: those that are calls; quotes_in_context: replies with
    quotes). A metric that applies to none is absent. A refusal is a wrong answer; `refused` is
    the share of them.
"""

_CITATION = """\
@misc{zhang2024raft,
  title={RAFT: Adapting Language Model to Domain Specific RAG},
  author={Zhang, Tianjun and Patil, Shishir G. and Jain, Naman and Shen, Sheng and
          Zaharia, Matei and Stoica, Ion and Gonzalez, Joseph E.},
  year={2024}, eprint={2403.10131}, archivePrefix={arXiv}
}
"""


class Openbook(evaluate.Metric):
    """`compute(predictions=…, references=…)` → {"exact_match": 0.5, "f1": 0.7, …}"""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": text, "references": text}),
        )

    def _compute(
        self,
        *,
        predictions: list[str],
        references: list[str],
        contexts: list[str] | None = None,
        refusal: str = "",
    ) -> dict[str, float]:
        # Inside: `evaluate` takes an import at the top for a package to be installed by its name.
        try:
            from lib.eval.metrics.means import mean_scores
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"{error.name} is not on Python's path. The metrics need Openbook's folder in "
                "PYTHONPATH, and the packages of its requirements.txt."
            ) from error
        return mean_scores(predictions, references, contexts=contexts, refusal=refusal)
