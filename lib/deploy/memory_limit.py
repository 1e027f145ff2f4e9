"""Run another program under a memory limit: `python memory_limit.py BYTES PROGRAM ARGUMENT…`.

A file to run, not to import: it imports nothing of ours, so it works from any folder.
"""

import os
import resource
import sys

if __name__ == "__main__":
    _, limit_bytes, *command = sys.argv
    if int(limit_bytes):
        # Limit the data, not the address space: torch reserves many more addresses than it uses.
        resource.setrlimit(resource.RLIMIT_DATA, (int(limit_bytes), int(limit_bytes)))
    os.execv(command[0], command)
