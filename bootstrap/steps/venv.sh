# Step venv: .venv with the exact packages of requirements.lock, and this checkout installed in it.
# shellcheck shell=bash

# Changes exactly when the environment has to be brought up to date.
venv_fingerprint() { cat requirements.lock pyproject.toml bootstrap/steps/venv.sh | sha256sum | cut -d ' ' -f 1; }

# A Python that requirements.lock is made for (3.11 or later), the one it is tested with first.
find_python() {
  local candidate
  for candidate in python3.11 python3 python3.12 python3.13 python3.14; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

step_venv() {
  local stamp=.venv/.algodock-fingerprint unfinished=.venv/.algodock-unfinished
  if [ "$(cat "$stamp" 2>/dev/null)" = "$(venv_fingerprint)" ]; then
    say "virtual environment: .venv is up to date"
    return
  fi
  local python
  python=$(find_python) || install_packages "Python 3.11 or later" python3 python3-venv
  python=$(find_python) || fail "there is no Python 3.11 or later on this machine." \
    "This distribution's own Python is older: install a newer one, so that 'python3.11 --version' works."
  "$python" -c 'import ensurepip, venv' 2>/dev/null || install_packages "Python's venv module" python3-venv

  # A venv cannot be moved into place (its scripts hold its path), so a marker tells an unfinished one instead.
  local clear=()
  [ ! -e "$unfinished" ] || clear=(--clear)
  .venv/bin/python -m pip --version >/dev/null 2>&1 || clear=(--clear)
  say "virtual environment: installing the packages of requirements.lock into .venv with $("$python" --version)"
  if [ "${#clear[@]}" -gt 0 ] || [ ! -x .venv/bin/python ]; then
    "$python" -m venv "${clear[@]}" .venv
  fi
  touch "$unfinished"
  rm -f "$stamp"
  install_locked_packages
  venv_fingerprint >"$stamp"
  rm -f "$unfinished"
}

install_locked_packages() {
  local log=$SETUP_HOME/pip.log pip=("$VENV_PYTHON" -m pip --disable-pip-version-check --no-input)
  {
    "${pip[@]}" install --require-hashes -r requirements.lock &&
      "${pip[@]}" install --no-deps --no-build-isolation -e .
  } >"$log" 2>&1 || {
    tail -n 15 "$log" >&2
    fail "pip could not install the packages of requirements.lock." \
      "The whole output is in $log. Is there a network, and does pip reach a package index?"
  }
}
