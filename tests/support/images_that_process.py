"""A real image that does a processing job as the contract says, and for each rule one that breaks just that rule."""

from collections.abc import Mapping
from pathlib import Path

from tuner.conformance.processing.case import GivenInput, ProcessingCase

_HOOK = "#VARIATION"

GOOD = """
config=/opt/ml/config
input=/opt/ml/processing/input/raw
output=/opt/ml/processing/output/clean
fail() { echo "$1" >&2; echo "$1" > /opt/ml/output/message; exit 1; }
make_output() { mkdir -p $output; }
finish() { :; }
stop() { exit 0; }
#VARIATION
trap stop TERM
grep -q ProcessingJobName $config/processingjobconfig.json || fail "there is no job in $config"
[ -n "$(ls $input/*.csv 2>/dev/null)" ] || fail "no .csv file is in $input"
make_output
sleep 0.4 & wait
sleep 0.4 & wait
cat $input/*.csv > $output/all.csv
finish
"""

#: Of each rule, the lines that break it.
BROKEN: Mapping[str, str] = {
    "PROC-START": 'echo "usage: process.sh train" >&2; exit 2',
    "PROC-PATHS": "input=/opt/ml/input/data/raw",
    "PROC-OUT-DIR": 'make_output() { mkdir $output || fail "$output exists"; }',
    "PROC-CONFIG": "config=/opt/ml/input/config",
    "PROC-EXIT": 'fail() { echo "$1" > /opt/ml/output/message; exit 0; }',
    "PROC-MESSAGE": 'fail() { echo "$1" >&2; exit 1; }',
    "PROC-NO-SYMLINK": "finish() { ln -s all.csv $output/latest.csv; }",
    "PROC-TERM": "stop() { sleep 1000; }",
}


def script(lines: str = "") -> str:
    """The image's whole program."""
    return GOOD.replace(_HOOK, lines)


#: Makes that program the image's own command.
ENTRY_POINT = 'ENTRYPOINT ["/usr/local/bin/train"]'


def good_case(image: str, folder: Path) -> ProcessingCase:
    """A job with one input and one output; its data is below `folder`."""
    (folder / "raw").mkdir(parents=True, exist_ok=True)
    (folder / "raw" / "part-0.csv").write_text("1,2\n")
    return ProcessingCase(
        image=image,
        inputs=(GivenInput(name="raw", path=folder / "raw", local_path="/opt/ml/processing/input/raw"),),
        outputs={"clean": "/opt/ml/processing/output/clean"},
    )
