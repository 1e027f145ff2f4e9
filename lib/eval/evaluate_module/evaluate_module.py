"""Our correctness metrics as a module of Hugging Face `evaluate`, loaded from this folder.

`evaluate.load("lib/eval/evaluate_module").compute(predictions=[…], references=[…])`

predictions: final answers, or whole replies ("… <ANSWER>: …"), whose final answer counts; a refusal
is wrong. references: one gold answer each. Returns the mean of each metric, 0-1, over the answers
that it applies to. `evaluate` runs a copy of this file: Openbook's folder must be on Python's path.
"""

import datasets
import evaluate


class Openbook(evaluate.Metric):
    """`compute(predictions=…, references=…)` → {"exact_match": 0.5, "f1": 0.7, …}"""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description="Exact match, token F1, ROUGE, BLEU, chrF, answer containment, API calls.",
            citation="",
            inputs_description=__doc__ or "",
            features=datasets.Features({"predictions": text, "references": text}),
        )

    def _compute(self, *, predictions: list[str], references: list[str]) -> dict[str, float]:
        # Inside: `evaluate` takes an import at the top for a package that must be installed.
        from lib.eval.metrics.scoring import correctness
        from lib.prompts.student import parse_answer

        values: dict[str, list[float]] = {}
        for prediction, gold in zip(predictions, references, strict=True):
            parsed = parse_answer(prediction)
            final = "" if parsed.refused else parsed.final_answer or prediction.strip()
            for metric, value in correctness(prediction, final, gold).items():
                values.setdefault(metric, []).append(value)
        return {metric: sum(given) / len(given) for metric, given in values.items()}
