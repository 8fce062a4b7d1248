#!/usr/bin/env bash
# Prepares the same environment as run_all.sh and runs the tests.
#   tests/run.sh            the quick ones
#   tests/run.sh --slow     the slow ones too
#   further arguments go to pytest; -n 0 runs them in one process (two otherwise, a file each at a time)
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
python=$("$root/run_all.sh" --prepare)
marks=(-m "not slow")
if [ "${1:-}" = --slow ]; then marks=(); shift; fi
export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH} TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-3}
cd "$root"
exec "$python" -m pytest -n 2 --dist loadfile --no-loadscope-reorder "${marks[@]}" "$@"
