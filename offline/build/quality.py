"""Fit the filter of the built-in teacher: `python -m offline.build.quality`.

`text/quality.txt.xz` holds one question a line, read by eye: number of its document, 1 (good) or
0 (bad), and its features, all tab-separated; the texts themselves are not ours to ship.
"""

from __future__ import annotations

import json
import lzma
from dataclasses import dataclass

import numpy as np
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict

from lib.settings import PROJECT_DIR

LABELS_PATH = PROJECT_DIR / "offline" / "build" / "text" / "quality.txt.xz"
WEIGHTS_PATH = PROJECT_DIR / "offline" / "teacher" / "quality.json"
INVERSE_PENALTY = 0.5  # C of scikit-learn
KEPT = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)


@dataclass(frozen=True)
class Labels:
    """Questions that were read by eye."""

    documents: list[int]
    good: np.ndarray  # of bool
    features: list[dict[str, float]]


def read_labels(text: str) -> Labels:
    """`12<tab>1<tab>rule when=1<tab>answer words=0.3` a line."""
    documents, good, found = list[int](), list[bool](), list[dict[str, float]]()
    for line in text.splitlines():
        document, label, *pairs = line.split("\t")
        documents.append(int(document))
        good.append(label == "1")
        found.append({name: float(value) for name, _, value in (p.rpartition("=") for p in pairs)})
    return Labels(documents, np.array(good), found)


def fit(labels: Labels) -> dict[str, float]:
    """The weight of each feature, and "constant"."""
    vectorizer = DictVectorizer(sparse=False)
    model = _model().fit(vectorizer.fit_transform(labels.features), labels.good)
    names = vectorizer.get_feature_names_out()
    weights = {str(n): round(float(w), 3) for n, w in zip(names, model.coef_[0], strict=True)}
    return {"constant": round(float(model.intercept_[0]), 3)} | weights


def held_out(labels: Labels) -> np.ndarray:
    """The probability of each question by a model that saw no question of its document."""
    seen = DictVectorizer(sparse=False).fit_transform(labels.features)
    folds = GroupKFold(10)
    found = cross_val_predict(
        _model(), seen, labels.good, groups=labels.documents, cv=folds, method="predict_proba"
    )
    return np.asarray(found[:, 1])


def curve(labels: Labels) -> list[tuple[float, float, float]]:
    """Share kept, the probability from which on, and the share of bad ones among them."""
    probability = held_out(labels)
    order = np.argsort(-probability, kind="stable")
    rows = []
    for share in KEPT:
        kept = order[: round(len(order) * share)]
        rows.append((share, float(probability[kept[-1]]), 1 - float(labels.good[kept].mean())))
    return rows


def _model() -> LogisticRegression:
    return LogisticRegression(C=INVERSE_PENALTY, max_iter=5000)


def main() -> None:
    labels = read_labels(lzma.decompress(LABELS_PATH.read_bytes()).decode())
    print(f"{len(labels.good)} questions of {len(set(labels.documents))} documents")
    print("kept  from  bad")
    for share, least, bad in curve(labels):
        print(f"{share:4.0%}  {least:.2f}  {bad:.1%}")
    WEIGHTS_PATH.write_text(json.dumps(fit(labels), indent=0) + "\n", "utf-8")


if __name__ == "__main__":
    main()
