#!/usr/bin/env bash
# Runs the workbook. The first call prepares .venv from requirements.txt; ./run_all.sh --help tells the rest.
#   ./run_all.sh --prepare     prepare the environment and stop
#   BRAINLIB_PYTHON=...        use this Python and whatever is installed in it
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
venv=$root/.venv
name=brain-autoencoders                                  # as in environment.yml

say() { printf '%s\n' "$*" >&2; }

suitable() {                                             # is this a Python that the pinned versions run on?
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

find_python() {
  local candidate
  for candidate in python3.12 python3.11 python3.13 python3 python; do
    candidate=$(command -v "$candidate" || true)
    if [ -n "$candidate" ] && suitable "$candidate"; then printf '%s' "$candidate"; return 0; fi
  done
  say "run_all.sh: expected Python 3.11, 3.12 or 3.13 on the PATH, found $(python3 --version 2>&1 || echo none). Install one of them, or set BRAINLIB_PYTHON."
  return 1
}

make_venv() {                                            # $1: the base Python
  if "$1" -c 'import ensurepip, venv' 2>/dev/null; then "$1" -m venv "$venv"; return; fi
  # Debian and Ubuntu ship Python without ensurepip: make the environment without pip and fetch pip itself.
  "$1" -m venv --without-pip "$venv"
  "$venv/bin/python" "$root/brainlib/_fetch_pip.py"
}

prepared() {                                             # was an installation finished, here, from these requirements?
  [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && suitable "$venv/bin/python"
}

prepare() {
  local base stamp wanted
  stamp=$venv/.prepared
  wanted="$(cksum <"$root/requirements.txt") $root"
  if prepared; then return; fi
  if ! { : >>"$root/.venv.lock"; } 2>/dev/null; then
    say "run_all.sh: $root cannot be written, so the packages cannot be installed in it. Set BRAINLIB_PYTHON to a Python that has those of requirements.txt."
    exit 1
  fi
  exec 9>>"$root/.venv.lock"
  if command -v flock >/dev/null; then flock 9; fi       # two first calls at once: the second waits
  if prepared; then exec 9>&-; return; fi
  rm -f "$stamp"
  if suitable "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    say "Bringing $venv up to requirements.txt"
    "$venv/bin/python" "$root/brainlib/_mend_packages.py"  # one that was killed, or made elsewhere
  else
    base=$(find_python)
    say "Preparing $venv with $("$base" --version) (once; 3 to 10 minutes, 3 GB)"
    rm -rf "$venv"
    make_venv "$base"
  fi
  if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input -r "$root/requirements.txt" >"$root/.venv.log" 2>&1; then
    grep -v '^WARNING' "$root/.venv.log" | tail -15 >&2
    say "run_all.sh: the packages of requirements.txt could not be installed (whole log: .venv.log). Mend what it says, often the network, and call again: it goes on where it stopped."
    exit 1
  fi
  "$venv/bin/python" - "$root" <<'PY'
import pathlib, sys, sysconfig
pathlib.Path(sysconfig.get_path("purelib"), "brainlib.pth").write_text(sys.argv[1] + "\n")
PY
  printf '%s\n' "$wanted" >"$stamp"
  rm -f "$root/.venv.log"
  exec 9>&-
}

if [ -n "${BRAINLIB_PYTHON:-}" ]; then
  python=$BRAINLIB_PYTHON
elif [ "${CONDA_DEFAULT_ENV:-}" = "$name" ]; then
  python=python
else
  prepare
  python=$venv/bin/python
fi
if [ "${1:-}" = --prepare ]; then printf '%s\n' "$python"; exit 0; fi

export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH} TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-3}
exec "$python" -m brainlib.run "$@"
