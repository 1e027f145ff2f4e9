"""A final answer against the gold answer: exact match, F1, ROUGE, BLEU, chrF, containment.

All of them compare normalised texts (text.normalise), with the same tokens, and are between 0 and
1. For a blank gold answer all of them are 0.
"""

from collections import Counter
from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

from lib.text import normalise, tokens


def exact_match(answer: str, gold: str) -> float:
    wanted = normalise(gold)
    return float(wanted != "" and normalise(answer) == wanted)


def f1(answer: str, gold: str) -> float:
    """The harmonic mean of token precision and recall, tokens with their multiplicity."""
    mine, theirs = Counter(tokens(answer)), Counter(tokens(gold))
    common = (mine & theirs).total()
    return 2 * common / (mine.total() + theirs.total()) if common else 0.0


def rouge(answer: str, gold: str) -> Mapping[str, float]:
    """ROUGE's F (Lin 2004), of words in common, of pairs of words, and of words in order."""
    scores = _scorers()[0].score(gold, answer)
    return {name: float(score.fmeasure) for name, score in scores.items()}


def bleu(answer: str, gold: str) -> float:
    """Sentence BLEU (Papineni et al. 2002) by sacrebleu, / 100: up to 4 tokens in a row.

    It gets the tokens of F1, because sacrebleu's own tokenizers need a download for some scripts;
    so it is not comparable with BLEU of translations. Effective order: an answer of two words is
    measured by one and two tokens in a row.
    """
    theirs = [" ".join(tokens(gold))]
    return _share(_scorers()[1].sentence_score(" ".join(tokens(answer)), theirs))


def chrf(answer: str, gold: str) -> float:
    """Sentence chrF2 (Popović 2015) by sacrebleu, / 100: 1 to 6 characters in a row, any script."""
    return _share(_scorers()[2].sentence_score(normalise(answer), [normalise(gold)]))


def _share(score: Any) -> float:
    return round(score.score / 100, 12)  # BLEU of equal texts is 100.00000000000004


@cache
def _scorers() -> tuple[Any, Any, Any]:
    """Of ROUGE, BLEU and chrF."""
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    # rouge-score's own tokenizer keeps only a-z and 0-9: every other script would score 0.
    ours = SimpleNamespace(tokenize=tokens)
    rouge = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=ours)
    return rouge, BLEU(tokenize="none", effective_order=True), CHRF()
