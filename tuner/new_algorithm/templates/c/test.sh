#!/bin/sh
# The training side of ./algorithm, in a second; each build of the image runs it. `algodock check` looks at the image.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
export SAGEMAKER_BASE_DIR="$root"

# Runs `train` with $1 as hyperparameters.json; its output goes to $root/log.
train() {
  printf '%s' "$1" >"$root/input/config/hyperparameters.json"
  "$here/algorithm" train >"$root/log" 2>&1
}

refuses() { ! train "$1"; }

expect() {
  printf '%s: ' "$1"
  shift
  if "$@"; then echo ok; else echo FAILED && cat "$root/log" && exit 1; fi
}

mkdir -p "$root/input/config" "$root/output"
cp -R "$here/data" "$root/input/data"

expect "it trains" train '{"epochs": "60", "learning_rate": "\"1e-1\""}'
expect "it prints a metric for each epoch" test "$(grep -c 'validation: rmse=[0-9.]*$' "$root/log")" -eq 60
expect "it learns" grep -q '^\[Epoch 60\] validation: rmse=1[0-9][.]' "$root/log"
expect "it refuses a word for a number" refuses '{"epochs": "many"}'
expect "it says so in the failure file" grep -q "epochs='many' is no number" "$root/output/failure"
