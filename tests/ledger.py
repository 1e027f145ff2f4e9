"""What the ledger of the test's home holds."""

from __future__ import annotations

from contextlib import closing

from lib.engine.ledger import Ledger


def replies_of(role: str) -> int:
    """How many replies a role has, of any model."""
    with closing(Ledger()) as ledger:
        sums = ledger.usage_by_model()
    return sum(usage.requests for (of, _), usage in sums.items() if of == role)
