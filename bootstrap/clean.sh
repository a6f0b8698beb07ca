#!/usr/bin/env bash
# Deletes what the set-up and the tools made in this folder, and the reference image. Says what, before it does it.
# It leaves alone: homes of jobs (~/.algodock), the base image, and whatever was installed on the machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

image=algodock/cifar10:cpu
if .venv/bin/python bootstrap/setup_engine.py label "$image" algodock.inputs >/dev/null 2>&1; then
  printf 'deleting image %s\n' "$image"
  .venv/bin/python bootstrap/setup_engine.py remove "$image"
fi
for path in .venv data/cifar10 .setup build dist .{mypy,pytest,ruff,import_linter}_cache .hypothesis; do
  if [ -e "$path" ]; then
    printf 'deleting %s\n' "$path"
    rm -rf --one-file-system "$path"
  fi
done
find . -name __pycache__ -type d -prune -exec rm -rf {} +
