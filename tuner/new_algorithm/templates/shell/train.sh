#!/bin/sh
# Linear regression by the SageMaker container contract, in shell and awk: what it takes to keep it is all here.
#
# Channels `training` and `validation`: CSV files without a header, the label first, then the features.
# Hyperparameters: epochs, learning_rate, weight_decay. Any other is ignored.
set -u
root=${SAGEMAKER_BASE_DIR:-/opt/ml} # elsewhere in test_train.sh
config=$root/input/config
program=$(dirname "$0")/regression.awk

# The platform stops a job with SIGTERM, and kills it 120 seconds later. Before anything else: process 1 of a container
# gets no signal that it has installed nothing for. The loop below looks at `stopped` between two epochs.
stopped=
trap 'stopped=yes' TERM INT
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A reason in the log and in the failure file, and an exit code that is not 0: then the job is Failed, with this reason.
fail() {
  printf '%s\n' "$1" >&2
  printf '%s\n' "$1" >"$root/output/failure"
  exit 1
}

# The value of $1 in the flat JSON object of texts in file $2. Quotes inside a text are dropped: some clients write the
# number 3 as "\"3\"".
member() {
  [ ! -e "$2" ] || tr -d '\n' <"$2" | sed 's/\\"//g' | sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"
}

# Hyperparameter $1, a number of at least 0; $2 where the job does not have it.
number() {
  value=$(member "$1" "$config/hyperparameters.json")
  value=${value:-$2}
  printf '%s\n' "$value" | grep -Eqx '[+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?' ||
    fail "$1='$value' is no number of at least 0"
  printf '%s\n' "$value"
}

# All rows of channel $1, as one file.
rows() {
  channel=$root/input/data/$1
  [ -d "$channel" ] || fail "the job needs a channel called $1, in File or FastFile mode"
  find "$channel" -type f -name '*.csv' -size +0 -exec awk 'NF' {} + | tr -d '\r' >"$scratch/$1.csv"
  [ -s "$scratch/$1.csv" ] || fail "channel $1 has no .csv file with a row in it"
  wrong=$(awk -F, 'NR == 1 { columns = NF } !/^[-+0-9.eE,]+$/ || NF < 2 || NF != columns { print NR; exit }' \
    "$scratch/$1.csv")
  [ -z "$wrong" ] || fail "channel $1, row $wrong: it is not numbers with commas between, as many as in the first row"
}

# The newest checkpoint that is whole; sets `epoch`, and the model if there is one.
resume() {
  epoch=0
  newest=
  for file in "$checkpoints"/epoch-[0-9]*.csv; do # in order: their numbers have leading zeros
    [ -e "$file" ] || continue
    if [ "$(tail -n 1 "$file")" = end ]; then
      newest=$file
    else
      echo "checkpoint $(basename "$file") is passed over: it is torn"
    fi
  done
  [ -n "$newest" ] || return 0
  cp "$newest" "$scratch/model.csv"
  epoch=$(basename "$newest" .csv | tr -dc 0-9 | sed 's/^0*//')
  echo "resumed from $(basename "$newest")"
}

# $1 has the model from now on. Written beside its place and moved there, so that nobody finds a half of it.
keep() {
  { cat "$scratch/model.csv" && echo end; } >"$1.partial" && mv "$1.partial" "$1"
}

[ "$*" = train ] || {
  echo "usage: train (this image does not serve)" >&2
  exit 2
}
# In variables first: what fails within $(...) ends only that.
epochs=$(number epochs 30) && rate=$(number learning_rate 0.1) && decay=$(number weight_decay 0) || exit 1
rows training
rows validation
checkpoints=$(member LocalPath "$config/checkpointconfig.json")
checkpoints=${checkpoints:-$root/checkpoints}
awk -F, -v task=begin -f "$program" "$scratch/training.csv" >"$scratch/model.csv"
resume

while [ -z "$stopped" ] && awk "BEGIN { exit !($epoch < $epochs) }"; do
  awk -F, -v task=descend -v rate="$rate" -v decay="$decay" -f "$program" \
    "$scratch/model.csv" "$scratch/training.csv" >"$scratch/next.csv"
  mv "$scratch/next.csv" "$scratch/model.csv"
  epoch=$((epoch + 1))
  # The tuning job finds its metric in this line, with the regular expression of its MetricDefinitions.
  rmse=$(awk -F, -v task=judge -f "$program" "$scratch/model.csv" "$scratch/validation.csv")
  case $rmse in
    '' | *[!0-9.]*) fail "the error became '$rmse' in epoch $epoch: choose a smaller learning_rate than $rate" ;;
  esac
  echo "[Epoch $epoch] validation: rmse=$rmse"
  # Somebody keeps checkpoints where this folder is.
  [ ! -d "$checkpoints" ] || keep "$checkpoints/epoch-$(printf %06d "$epoch").csv"
done
mkdir -p "$root/model" && keep "$root/model/model.csv"
echo "${stopped:+stopped on request }after $epoch epochs"
