#!/usr/bin/env bash
# Openbook, from a folder of documents to a report: ./run_all.sh [-p parameters/X.yaml] (-h: options)
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"  # sh run_all.sh
set -euo pipefail
export OPENBOOK_TYPED_IN="$PWD"  # relative paths of the command line begin here
# What others set (a cluster's modules, say), and .venv does not need: folders, packages, ways to run Python
unset CDPATH PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONOPTIMIZE PYTHONWARNINGS PYTHONDEVMODE
cd "$(dirname "${BASH_SOURCE[0]}")"

# The packages, pinned, into .venv: only when they are not there yet
make --silent .venv >&2

stages=(
  # Parameters and requirements: every key known, every value of its type, the student can be trained
  check

  # Documents → RAFT dataset: a teacher writes questions with chain-of-thought answers
  1_gen

  # Dataset → student: LoRA fine-tuning, loss on the answers only
  2_finetune

  # Student → OpenAI-compatible endpoint, on loopback, beside the baseline's
  3_deploy

  # Endpoints → report: student against baseline, with intervals
  4_eval
)

# In the place of this shell, so that signals reach it
exec .venv/bin/python -m lib.runner "${stages[@]}" "$@"
