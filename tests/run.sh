#!/usr/bin/env bash
# Prepares the same environment as run_all.sh, checks how the code is written, and runs the tests.
#   tests/run.sh            the quick ones
#   tests/run.sh --slow     the slow ones too
#   tests in a real browser (tests/browser) run where there is a Chromium and
#   .venv/bin/pip install -r tests/browser/requirements.txt was called; else they are skipped
#   further arguments go to pytest; -n 0 runs them in one process (else two, a file each at a time)
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
python=$("$root/run_all.sh" --prepare)
marks=(-m "not slow")
if [ "${1:-}" = --slow ]; then marks=(); shift; fi
export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH} TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-3}
cd "$root"

failed=()
check() {                       # $1: what is wrong where it fails, and what to do; then the command
  local words=$1
  shift
  "$@" || failed+=("$words")
}
check "Some files are not formatted. Write them with: ruff format brainlib tests notebooks" \
  "$python" -m ruff format --quiet --check brainlib tests notebooks
check "Some lines break the rules of pyproject.toml; ruff says above which and why." \
  "$python" -m ruff check --quiet brainlib tests notebooks
check "A room imports from a room that comes later, or what it must not know; see above." \
  "$python" -c 'import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_logo=True))'
if [ "${#failed[@]}" -gt 0 ]; then
  printf 'tests/run.sh: %s\n' "${failed[@]}" >&2
  exit 1
fi

exec "$python" -m pytest -n 2 --dist loadfile --no-loadscope-reorder "${marks[@]}" "$@"
