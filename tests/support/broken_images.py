"""A real image that keeps the container contract, and for each rule one that breaks just that rule.

All are shell scripts. `GOOD` keeps every rule; a `Variation` adds lines to it, which redefine its functions or run
before it begins, or changes the image or the good case. A new one is an entry of `VARIATIONS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from contracts.metrics import MetricDefinition
from tuner.conformance.case import Claim, GivenChannel, GoodCase

ACCURACY = MetricDefinition(name="validation:accuracy", regex=r"accuracy=(\S+)")

#: What is replaced by a variation's lines.
_HOOK = "#VARIATION"

GOOD = """
opt=/opt/ml
config=$opt/input/config
channels=$opt/input/data
epoch=0
hp() { sed 's/\\\\"//g' $config/hyperparameters.json | sed -n "s/.*\\"$1\\": \\"\\([^\\"]*\\)\\".*/\\1/p"; }
say() { echo "$1"; }
fail() { echo "$1" >&2; echo "$1" > $opt/output/failure; exit 1; }
number() { case "$2" in *[!0-9.eE+-]*) fail "$1='$2' is no number";; esac; }
load() { say "loading"; }
save() { echo "weights of epoch $epoch" > $opt/model/weights; }
artifacts() { echo "all went well" > $opt/output/data/report.txt; }
stop() { save; exit 0; }
finish() { :; }
accuracy() { echo 0.$epoch; }
checkpoint() {
  if [ -d $opt/checkpoints ]; then printf '%s\\nend\\n' $epoch > $opt/checkpoints/epoch-$epoch; fi
}
torn() { say "checkpoint $1 is torn and passed over"; }
resume() {
  for kept in $(ls -r $opt/checkpoints 2>/dev/null); do
    if [ "$(tail -n 1 $opt/checkpoints/$kept)" = end ]; then
      epoch=$(head -n 1 $opt/checkpoints/$kept)
      say "resumed after epoch $epoch"
      return
    fi
    torn $kept
  done
}
#VARIATION
trap stop TERM
[ -r $config/hyperparameters.json ] || fail "hyperparameters.json cannot be read"
for name in epochs pause seed learning_rate; do number $name "$(hp $name)"; done
epochs=$(hp epochs)
epochs=${epochs%.0}
load
grep -q '"Pipe"' $config/inputdataconfig.json && fail "input mode Pipe is not read by this algorithm"
[ -d $channels/training ] || fail "the job needs a channel called training"
files=$(find $channels/training -name '*.csv' -size +0)
[ -n "$files" ] || fail "no .csv file is in channel training"
resume
while [ $epoch -lt ${epochs:-3} ]; do
  sleep 0.05
  epoch=$((epoch + 1))
  say "epoch $epoch: accuracy=$(accuracy)"
  checkpoint
  [ $epoch -eq 1 ] && sleep "$(hp pause)"
done
save
artifacts
finish
"""


@dataclass(frozen=True, kw_only=True)
class Variation:
    """How an image breaks the rule that it is named after.

    `lines` go into the script; `changes` are Dockerfile lines; `files` are added to the image, by path; `architecture`
    is what it says it is built for. `without_claims` and `metrics` change the good case; `pause` makes it take longer,
    in seconds.
    """

    lines: str = ""
    changes: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    architecture: str = ""
    without_claims: frozenset[Claim] = frozenset()
    metrics: tuple[MetricDefinition, ...] = (ACCURACY,)
    pause: int = 0

    @property
    def script(self) -> str:
        """The image's whole ``train``."""
        return GOOD.replace(_HOOK, self.lines)


def _refuses(pattern: str, text: str = "") -> Variation:
    """Fails where hyperparameters.json has `pattern`: with a text, or without a word."""
    end = f"fail '{text}'" if text else "exit 1"
    return Variation(lines=f"grep -q '{pattern}' $config/hyperparameters.json && {end}")


V = Variation
VARIATIONS: Mapping[str, Variation] = {
    "TRAIN-START-ARG": V(lines='echo "usage: train.sh --epochs N" >&2; exit 2'),
    "TRAIN-START-EXEC": V(changes=("ENTRYPOINT exec train",)),
    "TRAIN-START-NO-TINI": V(
        changes=('ENTRYPOINT ["/bin/tini", "/usr/local/bin/train"]',), files={"/bin/tini": '#!/bin/sh\nexec "$@"\n'}
    ),
    "TRAIN-EXIT-0": V(lines='say "out of luck"; exit 3'),
    "TRAIN-EXIT-NONZERO": V(lines="number() { :; }"),
    "TRAIN-EXIT-TIMELY": V(lines="finish() { sleep 1000; }"),
    "TRAIN-FAIL-FILE": V(lines='fail() { echo "$1" >&2; exit 1; }'),
    "TRAIN-FAIL-1024": V(lines='fail() { echo "$1" >&2; echo "$(printf %02000d 0)$1" > $opt/output/failure; exit 1; }'),
    "TRAIN-FAIL-NONE-ON-OK": V(lines="finish() { echo fine > $opt/output/failure; }"),
    "TRAIN-FAIL-STDERR": V(lines='fail() { echo "$1" > $opt/output/failure; exit 1; }'),
    "TRAIN-HP-STRINGS": _refuses('"epochs": "', "epochs is a string"),
    "TRAIN-HP-JSON": _refuses('\\\\"adam', "no such optimizer"),
    "TRAIN-HP-EMPTY": _refuses("^{}$"),
    "TRAIN-HP-UNKNOWN": _refuses("algodock_unknown"),
    "TRAIN-HP-TUNING-KEY": _refuses("_tuning_objective_metric", "unknown hyperparameter"),
    "TRAIN-HP-SAGEMAKER-KEYS": _refuses("sagemaker_job_name", "unknown hyperparameter"),
    "TRAIN-HP-EXPFLOAT": V(lines='case "$(hp learning_rate)" in *[eE]*) fail "learning_rate is no number";; esac'),
    "TRAIN-HP-INT-AS-FLOATTEXT": V(lines='case "$(hp epochs)" in *.*) exit 1;; esac'),
    "TRAIN-HP-LONG": _refuses("sagemaker_note", "the line is too long"),
    "TRAIN-HP-UNICODE": _refuses("sagemaker_remark", "cannot decode"),
    "TRAIN-HP-READONLY": V(lines='touch $config/parsed || fail "the config folder cannot be written"'),
    "TRAIN-CH-MISSING-REQUIRED": V(lines="grep -q '\"training\"' $config/inputdataconfig.json || exit 0"),
    "TRAIN-CH-OPTIONAL": V(lines='[ -d $channels/labels ] || fail "no labels"'),
    "TRAIN-CH-EXTRA": V(lines='[ -d $channels/extra ] && fail "what is extra?"'),
    "TRAIN-CH-EMPTY": V(lines='[ -d $channels/training ] && [ -z "$(ls -A $channels/training)" ] && exit 1'),
    "TRAIN-CH-NESTED": V(lines="[ -d $channels/training/part ] && exit 1"),
    "TRAIN-CH-ODDNAMES": V(lines="[ -e $channels/training/_SUCCESS ] && exit 1"),
    "TRAIN-CH-READONLY": V(lines='touch $channels/training/cache || fail "no room for a cache"'),
    "TRAIN-CH-NAME-CHARS": V(lines='[ -d $channels/a.b-c_1 ] && fail "not a variable name"'),
    "TRAIN-CH-CONTENTTYPE": V(lines="grep -q ContentType $config/inputdataconfig.json || exit 1"),
    "TRAIN-CH-MODE-HONOURED": V(lines="grep -q Pipe $config/inputdataconfig.json && sleep 1000"),
    "TRAIN-MODEL-WRITTEN": V(lines="finish() { rm $opt/model/weights; }"),
    "TRAIN-MODEL-SELFCONTAINED": V(lines="finish() { ln -s /etc/passwd $opt/model/vocabulary; }"),
    "TRAIN-OUT-DATA": V(lines='artifacts() { echo "all went well" > $opt/output/report.txt; }'),
    "TRAIN-TERM-EXIT": V(lines="stop() { :; }"),
    "TRAIN-TERM-MODEL": V(lines="stop() { exit 0; }"),
    "TRAIN-TERM-EARLY": V(
        lines="load() { trap '' TERM; say loading; [ $epochs -gt 100 ] && sleep 30; trap stop TERM; }"
    ),
    "TRAIN-TERM-TWICE": V(lines="stop() { trap 'exit 70' TERM; save; sleep 4; exit 0; }"),
    "TRAIN-KILL-RESUME": V(lines="resume() { :; }", pause=3),
    "TRAIN-CKPT-PATH": V(lines="checkpoint() { :; }"),
    "TRAIN-CKPT-EMPTY": V(
        lines='[ -d $opt/checkpoints ] && [ -z "$(ls $opt/checkpoints)" ] && fail "no checkpoint"',
        without_claims=frozenset({Claim.CHECKPOINTS}),
    ),
    "TRAIN-CKPT-CORRUPT": V(lines="torn() { exit 1; }", pause=3),
    "TRAIN-LOG-STDOUT": V(lines="say() { :; }", metrics=()),
    "TRAIN-LOG-UNBUFFERED": V(lines='say() { said="$said$1\\n"; }; finish() { printf "$said"; }', pause=3, metrics=()),
    "TRAIN-LOG-LINES": V(lines="finish() { printf done; }"),
    "TRAIN-METRIC-MATCH": V(metrics=(MetricDefinition(name="loss", regex="loss=([0-9.]+)"),)),
    "TRAIN-METRIC-NUMERIC": V(lines="accuracy() { echo 90%; }"),
    "TRAIN-METRIC-ONEGROUP": V(metrics=(MetricDefinition(name="accuracy", regex=r"accuracy=(([0-9]+)\.[0-9]+)"),)),
    "TRAIN-METRIC-PER-EPOCH": V(lines='say() { echo "$1"; echo "$1"; }'),
    "TRAIN-SEED": V(lines="accuracy() { echo 0.$((RANDOM % 9000 + 1000)); }"),
    "TRAIN-RC-MINIMAL": V(lines='grep -q instance_groups $config/resourceconfig.json || fail "no instance groups"'),
    "TRAIN-RC-EXTRA": V(lines="grep -q zone $config/resourceconfig.json && fail 'unknown field'"),
    "TRAIN-ENV-JOBNAME": V(lines='[ -n "$SM_MODEL_DIR" ] || fail "SM_MODEL_DIR is not set"'),
    "TRAIN-NET-ISOLATED": V(lines='[ -e /sys/class/net/eth0 ] || fail "no network"'),
    "TRAIN-NET-NOCREDS": V(lines='[ -n "$AWS_REGION" ] || fail "no region"'),
    "TRAIN-SHM-SMALL": V(lines="[ $(df -k /dev/shm | awk 'END { print $2 }') -gt 70000 ] || exit 1"),
    "TRAIN-USER-ROOT": V(changes=("USER 1000",)),
    "TRAIN-OPTML-EMPTY": V(
        lines='grep -q dropout $opt/settings || fail "no settings"', files={"/opt/ml/settings": "dropout=0.5\n"}
    ),
    "TRAIN-GPU-NO-DRIVER": V(files={"/usr/lib/x86_64-linux-gnu/libcuda.so.535.104": "a driver\n"}),
    "TRAIN-IMG-ARCH": V(architecture="arm64"),
    "TRAIN-IMG-SECRETS": V(changes=("ENV SERVICE_PASSWORD=hunter2",)),
}


def write_channels(folder: Path) -> tuple[GivenChannel, ...]:
    """The channels of the good case, below `folder`."""
    for name in ("training", "labels"):
        (folder / name).mkdir(parents=True)
        (folder / name / "part-0.csv").write_text("1,2\n3,4\n")
    return tuple(
        GivenChannel(name=name, path=folder / name, content_type="text/csv") for name in ("training", "labels")
    )


def good_case(image: str, channels: tuple[GivenChannel, ...], variation: Variation) -> GoodCase:
    """The job that all these images can do, but for the rule that one breaks."""
    case = GoodCase(
        image=image,
        hyperparameters={
            "epochs": "3",
            "learning_rate": "0.1",
            "optimizer": "adam",
            "pause": str(variation.pause),
            "seed": "7",
        },
        channels=channels,
        metrics=variation.metrics,
        optional_channels=frozenset({"labels"}),
        claims=frozenset({Claim.ARTIFACTS, Claim.CHECKPOINTS, Claim.ISOLATION}),
    )
    return replace(case, claims=case.claims - variation.without_claims)
