"""Become another program under a memory limit: `python limited.py BYTES PROGRAM ARGUMENT…`.

A file to run, not to import: it imports nothing of ours, so it works from any folder.
"""

import os
import resource
import sys

if __name__ == "__main__":
    _, limit_bytes, *command = sys.argv
    if int(limit_bytes):
        # Of data, not of address space: torch reserves far more addresses than it ever fills.
        resource.setrlimit(resource.RLIMIT_DATA, (int(limit_bytes), int(limit_bytes)))
    os.execv(command[0], command)
