"""A real image that reads Pipe mode as the contract says, and for each rule of it one that breaks just that rule."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from contracts.channels import InputMode, RecordWrapper, SourceType
from contracts.metrics import MetricDefinition
from tuner.conformance.case import Claim, GivenChannel, GoodCase

_HOOK = "#VARIATION"

GOOD = """
config=/opt/ml/input/config
data=/opt/ml/input/data
hp() { sed -n "s/.*\\"$1\\": \\"\\([^\\"]*\\)\\".*/\\1/p" $config/hyperparameters.json; }
says() { grep -q "$1" $config/inputdataconfig.json; }
fail() { echo "$1" >&2; echo "$1" > /opt/ml/output/failure; exit 1; }
fifo() {
  tries=0
  until [ -p $data/training_$1 ]; do
    tries=$((tries + 1))
    [ $tries -gt 1000 ] && fail "the FIFO of epoch $1 does not come"
    sleep 0.02
  done
}
rows() { cat; }
padding() { dd bs=1 count=$(((4 - $1 % 4) % 4)) > /dev/null 2>&1; }
record() {
  set -- $(dd bs=1 count=8 2>/dev/null | od -An -tu4)
  [ -n "$2" ] || return 1
  dd bs=1 count=$2 2>/dev/null
  padding $2
}
records() { while record; do :; done; }
pairs() {
  while image=$(record) && [ -n "$image" ]; do
    label=$(record)
    number=$((number + 1))
    [ "$image" = "image of $(expected)" ] && echo 1,1
  done
}
expected() { echo $label; }
number_of() { echo $1; }
epoch_of() {
  if ! says Pipe; then cat $data/training/*; return; fi
  fifo $1
  if says AUGMENTED; then pairs < $data/training_$1
  elif says RecordIO; then records < $data/training_$1
  else rows < $data/training_$1; fi
}
#VARIATION
epoch=0
while [ $epoch -lt $(hp epochs) ]; do
  found=$(epoch_of $(number_of $epoch) | grep -c '^[0-9]*,[0-9]*$')
  [ $found -eq 5 ] || fail "epoch $epoch has $found rows, not 5"
  epoch=$((epoch + 1))
  echo "epoch $epoch: accuracy=0.$found"
done
echo weights > /opt/ml/model/weights
"""

#: Of each rule, the lines that break it.
BROKEN: Mapping[str, str] = {
    "TRAIN-PIPE-EPOCH": 'number_of() { echo 0; }; fifo() { [ -p $data/training_$1 ] || fail "no FIFO of epoch $1"; }',
    "TRAIN-PIPE-LATE": 'fifo() { [ -p $data/training_$1 ] || fail "no FIFO of epoch $1"; }',
    # The two files of the channel come in two reads at most, if they come in one piece each.
    "TRAIN-PIPE-CHUNK": "rows() { dd bs=65536 count=2 2>/dev/null; }",
    "TRAIN-PIPE-RECORDIO": "padding() { :; }",
    "TRAIN-PIPE-AUGMENTED": "expected() { echo $number; }",
}


def script(lines: str = "") -> str:
    """The image's whole ``train``."""
    return GOOD.replace(_HOOK, lines)


def good_case(folder: Path) -> GoodCase:
    """A job whose channel holds two files of rows, below `folder`; neither is a multiple of 4 bytes long."""
    (folder / "training").mkdir()
    (folder / "training" / "part-0.csv").write_text("1,2\n3,45\n")
    (folder / "training" / "part-1.csv").write_text("5,6\n7,8\n9,100\n")
    return GoodCase(
        image="",
        hyperparameters={"epochs": "3", "seed": "7"},
        channels=(GivenChannel(name="training", path=folder / "training"),),
        metrics=(MetricDefinition(name="accuracy", regex=r"accuracy=(\S+)"),),
        claims=frozenset({Claim.PIPE, Claim.RECORD_IO}),
    )


def augmented_case(folder: Path) -> GoodCase:
    """A job whose channel is an augmented manifest of five lines, below `folder`, in Pipe mode."""
    lines = []
    for number in range(1, 6):
        (folder / f"{number}.image").write_text(f"image of {number}")
        lines.append(json.dumps({"image-ref": f"file://{folder}/{number}.image", "label": number, "more": [1, 2]}))
    (folder / "manifest.jsonl").write_text("\n".join(lines))
    channel = GivenChannel(
        name="training",
        path=folder / "manifest.jsonl",
        content_type="AUGMENTED",
        mode=InputMode.PIPE,
        record_wrapper=RecordWrapper.RECORD_IO,
        source_type=SourceType.AUGMENTED_MANIFEST,
        attribute_names=("image-ref", "label"),
    )
    return replace(GoodCase(image="", hyperparameters={"epochs": "3", "seed": "7"}), channels=(channel,))
