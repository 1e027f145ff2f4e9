"""The request engine. Stages use `endpoint` and `ledger`; the rest stands behind them.

`transport` one HTTP exchange · `faults`, `replies`, `events` reading it · `retries` the retry loop
· `scheduler` when a request may start · `limits` and pace, `budget`, `prices` what it may use
· `timeouts` how long it may take · `ledger_writer` of the ledger · `batch` the Batch API · `stream`
one reply as it is written · `tasks` many coroutines at once
"""
