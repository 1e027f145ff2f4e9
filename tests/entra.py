"""A stand-in for azure-identity."""

from __future__ import annotations

import sys
import time
from types import ModuleType, SimpleNamespace

import pytest


def stand_in(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """It counts tokens, whose life is `life_s`: "token-1", "token-2", …"""
    state = SimpleNamespace(issued=0, life_s=3600.0, refuses=False, scopes=set())

    class AzureError(Exception):
        pass

    class DefaultAzureCredential:
        def get_token(self, scope: str) -> SimpleNamespace:
            time.sleep(0.05)
            if state.refuses:
                raise AzureError("run az login")
            state.scopes.add(scope)
            state.issued += 1
            expires_on = int(time.time() + state.life_s)
            return SimpleNamespace(token=f"token-{state.issued}", expires_on=expires_on)

    modules = {name: ModuleType(name) for name in ("azure", "azure.identity", "azure.core")}
    modules["azure.core.exceptions"] = ModuleType("azure.core.exceptions")
    modules["azure.core.exceptions"].AzureError = AzureError  # type: ignore[attr-defined]
    modules["azure.identity"].DefaultAzureCredential = (  # type: ignore[attr-defined]
        DefaultAzureCredential
    )
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return state
