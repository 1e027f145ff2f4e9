"""Azure: the models of a run in one Microsoft Foundry resource (docs/cloud.md)."""
