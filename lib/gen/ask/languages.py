"""Whether a text is in a language, by its script and its commonest words."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

# ISO 639-1 → name; then the letters of a script that the language is known by.
_SCRIPTS = {
    "ar": ("Arabic", "\u0600-\u06ff"),
    "el": ("Greek", "\u0370-\u03ff\u1f00-\u1fff"),
    "he": ("Hebrew", "\u0590-\u05ff"),
    "hi": ("Hindi", "\u0900-\u097f"),
    "ja": ("Japanese", "\u3040-\u30ff\u4e00-\u9fff"),
    "ko": ("Korean", "\uac00-\ud7a3"),
    "ru": ("Russian", "\u0400-\u04ff"),
    "th": ("Thai", "\u0e00-\u0e7f"),
    "uk": ("Ukrainian", "\u0400-\u04ff"),
    "zh": ("Chinese", "\u3400-\u4dbf\u4e00-\u9fff"),
}
# … or its commonest words, as they stand in questions and short answers.
_WORDS = {
    "cs": (
        "Czech",
        "a je se na v kdy kde kdo jak jaký jaká jaké který která které byl byla co pro",
    ),
    "da": ("Danish", "og er i det en et af hvad hvor hvem hvornår hvilken hvilket blev var på der"),
    "de": ("German", "der die das und ist in den von zu wie was wer wann wo welche welcher wurde"),
    "en": ("English", "the of and is in to was what who when where which how did does are a on by"),
    "es": (
        "Spanish",
        "el la los las de y es en que qué quién cuándo dónde cuál cómo se fue del un",
    ),
    "fi": ("Finnish", "on ja mikä mitä missä milloin kuka kuinka joka oli ovat mihin ei se sen"),
    "fr": ("French", "le la les de des et est en que qui quand où quel quelle comment du une a"),
    "id": (
        "Indonesian",
        "yang dan di apa siapa kapan mana bagaimana adalah pada dengan untuk dari",
    ),
    "it": ("Italian", "il la i gli di e è in che chi quando dove quale come del della fu un una"),
    "nl": ("Dutch", "de het een en is in van wat wie wanneer waar welke hoe werd was op voor door"),
    "pl": (
        "Polish",
        "i jest w na się kto kiedy gdzie jaki jaka jakie który która które był była co",
    ),
    "pt": ("Portuguese", "o a os as de e é em que quem quando onde qual como do da foi um uma no"),
    "sv": ("Swedish", "och är i det en ett av vad var vem när vilken vilket blev på som hur för"),
    "tr": ("Turkish", "ve bir bu ne kim nerede hangi nasıl için olan ile kaç mı mi zaman da de"),
    "vi": ("Vietnamese", "là của và có được ai gì khi nào ở đâu như thế bao nhiêu những một trong"),
}
_VIETNAMESE = re.compile(r"[ăđơưạ-ỹ]")
_SHARE = 0.2  # of a text's letters: names and terms often stay in Latin letters


@cache
def name_of(language: str) -> str:
    """`ko`, `korean` → "Korean"; a language that is not in the tables stays as it is written."""
    names = {code: name for code, (name, _) in (_SCRIPTS | _WORDS).items()}
    folded = language.strip().lower()
    by_name = {name.lower(): name for name in names.values()}
    return names.get(folded) or by_name.get(folded) or language.strip()


def can_check(language: str) -> bool:
    """Whether `is_in` knows the language."""
    return any(name_of(language) == name for name, _ in (_SCRIPTS | _WORDS).values())


def is_in(text: str, language: str) -> bool:
    """False only where the text is clearly in another language: names alone are in any.

    `is_in("Who built the pier?", "Korean")` → False; `is_in("Laird Hamilton", "Korean")` → True.
    """
    text, name = unicodedata.normalize("NFC", text).lower(), name_of(language)
    letters = re.findall(r"[^\W\d_]", text)
    if not letters:
        return True
    share = {
        code: len(re.findall(f"[{script}]", text)) / len(letters)
        for code, (_, script) in _SCRIPTS.items()
    }
    counts = _common_words(text)
    in_script = max(share.values()) >= _SHARE
    for code, (known, _) in _SCRIPTS.items():
        if known == name:
            kana = re.search("[\u3040-\u30ff]", text) is not None
            fits = share[code] >= _SHARE and (code not in ("ja", "zh") or kana == (code == "ja"))
            return fits if in_script else not any(counts.values())
    own = next((counts[code] for code, (known, _) in _WORDS.items() if known == name), None)
    return own is None or (not in_script and own == max(counts.values()))


def _common_words(text: str) -> dict[str, int]:
    found = re.findall(r"[^\W\d_]+", text)
    counts = {
        code: sum(word in words.split() for word in found) for code, (_, words) in _WORDS.items()
    }
    counts["vi"] += len(_VIETNAMESE.findall(text))
    return counts
