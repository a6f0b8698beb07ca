#!/usr/bin/env bash
# Renews the lock files: exact versions and hashes of everything that is installed, for every Python from 3.11 on.
# They name no package index, so that each machine may use its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

.venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade uv
compile=(.venv/bin/uv pip compile --no-config --quiet --upgrade --python-version 3.11 --generate-hashes
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock")

"${compile[@]}" --universal --all-extras pyproject.toml --output-file requirements.lock
for wanted in container/requirements/*.in; do
  "${compile[@]}" --python-platform x86_64-manylinux2014 "$wanted" --output-file "${wanted%.in}.lock"
done
