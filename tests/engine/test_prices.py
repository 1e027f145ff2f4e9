"""What tokens cost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lib.engine.ledger import Ledger
from lib.engine.prices import Price, costs, load_prices, show_costs
from lib.settings import SetupError

OWN = """
as_of: 2026-01-02
currency: EUR
models:
  gpt-4o: {prompt: 1, completion: 2}
  gpt-4o-mini: {prompt: 3, cached: 1, completion: 4}
  "team-*": {prompt: 5, completion: 6}
  "team-b-*": {prompt: 7, completion: 8}
  free: {prompt: 0, completion: 0}
"""


@pytest.fixture
def own(home_dir: Path) -> Path:
    path = home_dir / "prices.yaml"
    path.write_text(OWN)
    return path


def test_the_projects_own_file_is_dated_and_whole() -> None:
    prices = load_prices()
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", prices.as_of)
    assert len(prices.models) > 5
    for price in prices.models.values():
        assert 0 <= price.cached <= price.prompt
        assert price.completion >= 0


def test_a_model_is_found_by_name_snapshot_or_pattern_and_never_guessed(own: Path) -> None:
    prices = load_prices()
    assert prices.currency == "EUR"

    def prompt(model: str) -> float | None:
        price = prices.of(model)
        return None if price is None else price.prompt

    assert prompt("gpt-4o") == 1
    assert prompt("gpt-4o-2024-08-06") == 1
    assert prompt("gpt-4o-mini-2024-07-18") == 3
    assert prompt("gpt-4o-audio-preview") is None
    assert prompt("GPT-4o") is None
    assert (prompt("team-a-1"), prompt("team-b-1")) == (5, 7)
    assert prompt("free") == 0


def test_cached_tokens_cost_their_own_price() -> None:
    price = Price(prompt=3, cached=1, completion=4)
    million = price.of(1e6, 2e6, 4e5)
    assert million == pytest.approx(0.6 * 3 + 0.4 * 1 + 2 * 4)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("completion: 2", "completion: two", "gpt-4o"),
        ("completion: 2", "output: 2", "gpt-4o"),
        ("prompt: 1, ", "", "gpt-4o"),
        ("prompt: 1", "prompt: -1", "gpt-4o"),
        ("as_of", "day", "as_of"),
        ("models:", "models", "cannot be read"),
        ("{prompt: 1, completion: 2}", "3", "cannot be read"),
    ],
)
def test_a_broken_file_is_named(own: Path, old: str, new: str, says: str) -> None:
    own.write_text(OWN.replace(old, new, 1))
    with pytest.raises(SetupError, match=says) as caught:
        load_prices()
    assert "prices.yaml" in str(caught.value)


def test_costs_stand_per_role_and_model_unknown_ones_as_unknown(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, prices = Ledger(), load_prices()
    reply = {"prompt_tokens": 1_000_000, "cached_tokens": 500_000, "completion_tokens": 250_000}
    ledger.write("a", {"role": "teacher", "model": "gpt-4o-mini"}, reply).result()
    ledger.write("b", {"role": "judge", "model": "gpt-4o-mini"}, reply).result()
    ledger.write("c", {"role": "judge", "model": "nobody-knows"}, reply).result()
    found = costs(ledger.usage_by_model(), prices)
    ledger.close()
    assert {(line.role, line.model): line.cost for line in found} == {
        ("judge", "gpt-4o-mini"): pytest.approx(3.0),
        ("judge", "nobody-knows"): None,
        ("teacher", "gpt-4o-mini"): pytest.approx(3.0),
    }
    show_costs(found, prices)
    printed = capsys.readouterr().out
    assert "3.00 EUR (prices of 2026-01-02)" in printed
    assert "cost unknown: no price for 'nobody-knows'" in printed
    assert "1,000,000 prompt tokens (500,000 cached)" in printed
