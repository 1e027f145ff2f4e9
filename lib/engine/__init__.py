"""How requests are sent, paid for and kept; what stages use is in lib.endpoint and lib.ledger.

`transport` one HTTP exchange · `faults`, `replies` what comes back means · `turns` who may send
next, with `pacing` (limits), `budget` and `patience` (time-outs) · `sender` attempts until it is
answered · `prices` what it cost · `ledger_writer`, `claims` the ledger's disk side · `tasks`
coroutines from plain code.
"""
