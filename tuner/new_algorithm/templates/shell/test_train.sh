#!/bin/sh
# The algorithm without a container, in a second: sh test_train.sh. `algodock check` looks at the image.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
export SAGEMAKER_BASE_DIR="$root"

# Runs `train` with $1 as hyperparameters.json; its output goes to $root/log.
train() {
  printf '%s' "$1" >"$root/input/config/hyperparameters.json"
  sh "$here/train.sh" train >"$root/log" 2>&1
}

expect() {
  printf '%s: ' "$1"
  shift
  if "$@"; then echo ok; else echo FAILED && cat "$root/log" && exit 1; fi
}

mkdir -p "$root/input/config" "$root/output"
cp -R "$here/data" "$root/input/data"

expect "it trains" train '{"epochs": "60", "learning_rate": "\"1e-1\""}'
expect "it prints a metric for each epoch" test "$(grep -c 'validation: rmse=[0-9.]*$' "$root/log")" -eq 60
expect "it learns: a car at 15 miles an hour stops within 40 to 49 feet" test "$(
  awk -F, -v task=predict -f "$here/regression.awk" "$root/model/model.csv" "$here/request.csv" | sed -n 2p | cut -c 1
)" -eq 4
refuses() { ! train '{"epochs": "many"}'; }
expect "it refuses a word for a number" refuses
expect "it says so in the failure file" grep -q "epochs='many' is no number" "$root/output/failure"
