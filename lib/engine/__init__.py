"""How requests are sent, paid for and kept. Stages use `endpoint` and `ledger`.

`transport` one HTTP exchange · `faults`, `replies` what comes back means · `scheduler` which
request may start · `limits`, `budget`, `prices` what it may use · `timeouts` how long it may take ·
`retries` the retry loop · `ledger_writer`, `locks` the ledger's two sides · `batch` the Batch API ·
`tasks` many coroutines at once
"""
