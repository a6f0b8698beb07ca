"""The algorithm of the fault matrix: a shell script whose every line is known before it runs.

It obeys SIGTERM with exit code 0, wherever it is.

A run prints when it begins and which GPU it was given, an accuracy for each epoch, and at last when it ends and with
which exit code. So the log of a job tells how it has to be judged, and one can see from it that nothing is missing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

EPOCHS = 3
METRIC = "validation:accuracy"
REGEX = r"accuracy=([0-9.]+)"
#: This trial of each tuning job says why it fails, and exits with a code of its own.
FAILING_TRIAL = 2
FAILING_CODE = 3
FAILURE = "this trial always fails"

#: What is in it for each kind of job is put in between the percent signs.
_SCRIPT = r"""
exec 2>/dev/null
trap 'exit 0' TERM
rate=$(sed -n 's/.*"learning_rate": "\([^"]*\)".*/\1/p' /opt/ml/input/config/hyperparameters.json)
gpu=$(tr '\0' '\n' </proc/1/environ | sed -n 's/^NVIDIA_VISIBLE_DEVICES=//p')
read up idle </proc/uptime
echo "begin $up on $gpu"
code=0
for epoch in 1 2 3; do
  i=0
  while [ $i -lt %NOISE% ]; do i=$((i + 1)); echo "epoch $epoch batch $i: nothing to see here, and much of it"; done
  %EACH%
  awk "BEGIN { printf \"epoch $epoch: accuracy=%.6f\n\", (1 - ${rate:-0}) * $epoch / 3 }"
  sleep %PAUSE%
done
%LAST%
read up idle </proc/uptime
echo "end $up exit $code"
exit $code
"""

#: The second trial fails, and says why; the others leave a model of so many kilobytes that cannot be packed smaller.
_TRIAL_ENDS = r"""
case "$TRAINING_JOB_NAME" in
  *-002-*) echo "this trial always fails" >/opt/ml/output/failure || code=1; [ $code = 1 ] || code=3 ;;
esac
echo "learning_rate $rate" >/opt/ml/model/weights || code=1
[ %BALLAST% = 0 ] || head -c %BALLAST%k /dev/urandom >/opt/ml/model/ballast || code=1
"""

#: Reads an epoch of a Pipe channel, slowly at first. One that is torn is said, and then nothing more is done.
_READS_PIPE = r"""
  fifo=/opt/ml/input/data/training_$((epoch - 1))
  until [ -p $fifo ]; do sleep 0.02; done
  digest=$({ head -c 65536; sleep %PAUSE%; cat; } <$fifo | md5sum | cut -c 1-32)
  [ $digest = %DIGEST% ] || { echo "epoch $epoch: torn"; sleep 1000; }
"""


def script(
    *,
    pause: float = 0.05,
    noise: int = 0,
    ballast: int = 0,
    digest: str | None = None,
    each: str | None = None,
    last: str = _TRIAL_ENDS,
) -> str:
    """The script of an image.

    It sleeps `pause` seconds between two epochs, and prints `noise` lines in each that mean nothing. A trial leaves
    `ballast` kilobytes in its model. With `digest`, the MD5 digest of an epoch, it reads a Pipe channel. Lines of other
    kinds of jobs go into `each` epoch, and where the `last` thing is done.
    """
    text = _SCRIPT.replace("%LAST%", last)
    text = text.replace("%EACH%", each if each is not None else "" if digest is None else _READS_PIPE)
    replaced = {"%PAUSE%": f"{pause:g}", "%NOISE%": f"{noise}", "%BALLAST%": f"{ballast}", "%DIGEST%": f"{digest}"}
    for name, value in replaced.items():
        text = text.replace(name, value)
    return text


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOfAlgorithm:
    """What one container of a trial printed.

    `accuracies` with their line numbers in the whole log. `end` and `exit_code` are None where it was cut short.
    `surprise` is the first line that the script would not have printed there.
    """

    begin: float
    gpu: str
    accuracies: Sequence[tuple[int, float]]
    end: float | None
    exit_code: int | None
    surprise: str | None = None


def runs_in(log: str, rate: float) -> list[RunOfAlgorithm]:
    """The runs in a job's log, in order; lines before the first are a surprise of an empty run."""
    if not log:
        return []
    lines = log.splitlines()
    begins = [number for number, line in enumerate(lines) if line.startswith("begin ")]
    if lines and begins[:1] != [0]:
        begins = [0, *begins]
    return [_run(lines[first:last], first, rate) for first, last in zip(begins, [*begins[1:], len(lines)], strict=True)]


def _run(lines: Sequence[str], before: int, rate: float) -> RunOfAlgorithm:
    begin = re.fullmatch(r"begin ([\d.]+) on (\S*)", lines[0])
    accuracies: list[tuple[int, float]] = []
    end, code, surprise = None, None, None if begin else lines[0]
    noise, torn = 0, False
    for number, line in enumerate(lines[1:], start=before + 2):
        epoch = len(accuracies) + 1
        if line == f"epoch {epoch} batch {noise + 1}: nothing to see here, and much of it":
            noise += 1
        elif line == f"epoch {epoch}: torn" and not torn:
            torn = True
        elif not torn and line == f"epoch {epoch}: accuracy={(1 - rate) * epoch / EPOCHS:.6f}":
            accuracies.append((number, float(line.rsplit("=", 1)[1])))
            noise = 0
        elif (
            not torn
            and len(accuracies) == EPOCHS
            and code is None
            and (ended := re.fullmatch(r"end ([\d.]+) exit (\d+)", line))
        ):
            end, code = float(ended[1]), int(ended[2])
        else:
            surprise = surprise or line
    return RunOfAlgorithm(
        begin=float(begin[1]) if begin else 0.0,
        gpu=begin[2] if begin else "",
        accuracies=accuracies,
        end=end,
        exit_code=code,
        surprise=surprise,
    )
