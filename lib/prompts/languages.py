"""The language that questions are asked for in: its name, and whether a text is in it."""

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any

_NAMES = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi",
    "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch",
    "pl": "Polish", "pt": "Portuguese", "ru": "Russian", "sv": "Swedish", "th": "Thai",
    "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
_CODES = {name.lower(): code for code, name in _NAMES.items()}
# A text counts as another language if that one is this probable, and so much more than its own.
# Names and numbers reach 0.25 in no language, short questions 0.4 in theirs (docs/experiments.md).
_LEAST_PROBABILITY, _TIMES_MORE = 0.3, 10


def language_name(language: str) -> str:
    """`ko`, `korean` → "Korean", as prompts say it; an unknown one stays as it is written."""
    written = language.strip()
    return _NAMES.get(_code(written), written)


def can_check(language: str) -> bool:
    """Whether `is_in` knows the language, by its English name or its ISO 639 code."""
    return _code(language) in _identifier().labels


def is_in(text: str, language: str) -> bool:
    """False only where the text is clearly in another language: `is_in("Who?", "Korean")`; names
    alone are in any."""
    if not can_check(language):
        return True
    ranked = _identifier().rank(unicodedata.normalize("NFC", text))
    best, probability = ranked[0]
    own = dict(ranked)[_code(language)]
    clear = probability > _LEAST_PROBABILITY and probability > _TIMES_MORE * own
    return best == _code(language) or not clear


def nearest_language(text: str, among: Sequence[str]) -> str:
    """`nearest_language("Thư viện ở đâu?", ["en", "vi"])` → "vi"; of names or ISO 639 codes."""
    probability = dict(_identifier().rank(unicodedata.normalize("NFC", text)))
    return max(among, key=lambda language: probability.get(_code(language), -1.0))


def language_of(text: str) -> str:
    """`language_of("Thư viện mở cửa lúc tám giờ.")` → "vi"; of the languages that have a name."""
    return nearest_language(text, list(_NAMES))


def _code(language: str) -> str:
    written = language.strip().lower()
    return _CODES.get(written, written)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
