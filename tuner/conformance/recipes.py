"""The runs that are made besides the good one: what each sends, and when it is interrupted.

A recipe gives the runs by name, or says in a text why it makes none.
"""

import shutil
from collections.abc import Collection, Mapping
from dataclasses import replace

from contracts.channels import InputMode
from tuner.conformance.bench import Bench, Recipe
from tuner.conformance.case import SDK_PREFIX, GoodCase, is_fraction, is_integer
from tuner.conformance.conditions import with_hyperparameters
from tuner.conformance.observation import Run
from tuner.conformance.probe import Glimpse, Interruption
from tuner.conformance.recipes_of_hosts import RECIPES_OF_HOSTS
from tuner.conformance.recipes_of_pipes import RECIPES_OF_PIPES
from tuner.conformance.sending import Sending
from tuner.engine.protocol import ImageFacts

NO_NUMBER = "not-a-number"
NOTHING_TO_HIDE = "the image brings nothing under /opt/ml but perhaps /opt/ml/code"
UNKNOWN_NAME = "algodock_unknown"
#: As long as the API allows, so that an image which quotes it has little room left.
_LONG = NO_NUMBER + "-" + "9a" * 1200
#: What is to be seen of a container's files that its image brings under /opt/ml; a folder ends in a slash. Only what a
#: shell has built in.
_LIST_OPT_ML = (
    'for f in /opt/ml/* /opt/ml/.[!.]*; do if [ -d "$f" ]; then echo "$f/"; elif [ -e "$f" ]; then echo "$f"; fi; done'
)
#: The same of what belongs to NVIDIA's driver, in the folders where programs find it. Toolkits have stubs and compat
#: libraries elsewhere, and files of no length are what the container runtime mounts the driver on.
_LIST_DRIVERS = (
    "for f in /usr/lib/*/libcuda.so* /usr/lib/*/libnvidia-ml.so* /usr/lib64/libcuda.so* /usr/lib64/libnvidia-ml.so*"
    " /usr/lib/libcuda.so* /usr/local/nvidia/lib*/lib* /usr/bin/nvidia-smi; do"
    ' if [ -s "$f" ]; then echo "$f"; fi; done'
)
#: Training of a second or less may be over before the kill arrives, on a busy machine more than once.
_TRIES_TO_KILL = 5
_NOT_THE_IMAGES = frozenset(f"/opt/ml/{name}/" for name in ("input", "model", "output", "checkpoints", "code"))


def again(bench: Bench) -> Mapping[str, Run] | str:
    """The good case once more."""
    if not bench.case.has_seed:
        return "the good case has no hyperparameter called seed"
    return {"again": bench.probe.run(bench.start, limit=bench.limit)}


def invalid_values(case: GoodCase) -> Mapping[str, str]:
    """Hyperparameters that make no sense: those that the author names, else a word for every number."""
    numbers = [name for name, text in case.hyperparameters.items() if is_integer(text) or is_fraction(text)]
    own = (name for name in numbers if not name.startswith(SDK_PREFIX))
    return case.invalid or dict.fromkeys(own, NO_NUMBER)


def bad(bench: Bench) -> Mapping[str, Run] | str:
    """Invalid hyperparameters."""
    wrong = invalid_values(bench.case)
    if not wrong:
        return "no value is known to be invalid: the good case has no number; name one with --invalid NAME=VALUE"
    return {"bad": bench.probe.run(with_hyperparameters(bench.start, wrong), limit=bench.limit)}


def bad_and_long(bench: Bench) -> Mapping[str, Run] | str:
    """An invalid hyperparameter of 2400 characters."""
    wrong = invalid_values(bench.case)
    if not wrong:
        return "no value is known to be invalid: the good case has no number; name one with --invalid NAME=VALUE"
    long = dict.fromkeys(wrong, _LONG)
    return {"bad and long": bench.probe.run(with_hyperparameters(bench.start, long), limit=bench.limit)}


def no_hyperparameters(bench: Bench) -> Mapping[str, Run] | str:
    """None but the SDK's, without which a toolkit does not know what to run.

    Watched for a little longer than a good run takes, for defaults may be large.
    """
    kept = {name: text for name, text in bench.case.hyperparameters.items() if name.startswith(SDK_PREFIX)}
    if kept == bench.case.hyperparameters:
        return "the good case has none anyway"
    limit = bench.good.seconds + bench.probe.patience.spare / 4
    return {"no hyperparameters": bench.probe.run(replace(bench.start, hyperparameters=kept), limit=limit)}


def unknown(bench: Bench) -> Mapping[str, Run]:
    """A hyperparameter that no image knows."""
    return {"unknown": bench.probe.run(with_hyperparameters(bench.start, {UNKNOWN_NAME: "1"}), limit=bench.limit)}


def without_required(bench: Bench) -> Mapping[str, Run] | str:
    """For each required channel a run without it."""
    required = [one.name for one in bench.case.channels if one.name not in bench.case.optional_channels]
    if not required:
        return "the good case has no channel that is required"
    return {f"without {name}": bench.probe.run(_without(bench.start, {name}), limit=bench.limit) for name in required}


def without_optional(bench: Bench) -> Mapping[str, Run] | str:
    """Without all optional channels."""
    optional = bench.case.optional_channels & {one.name for one in bench.case.channels}
    if not optional:
        return "no channel of the good case is said to be optional (--optional NAME)"
    return {"no optional": bench.probe.run(_without(bench.start, optional), limit=bench.limit)}


def _without(sending: Sending, names: Collection[str]) -> Sending:
    return replace(sending, channels=tuple(channel for channel in sending.channels if channel.name not in names))


def empty_channels(bench: Bench) -> Mapping[str, Run] | str:
    """Every channel's folder is there and holds nothing."""
    if not bench.start.channels:
        return "the good case has no channel: give one with --channel"
    channels = tuple(replace(channel, source=None) for channel in bench.start.channels)
    return {"empty": bench.probe.run(replace(bench.start, channels=channels), limit=bench.limit)}


def pipe_mode(bench: Bench) -> Mapping[str, Run] | str:
    """Every channel in Pipe mode."""
    if not bench.start.channels:
        return "the good case has no channel: give one with --channel"
    if bench.case.reads_pipes:
        return "the image is said to read Pipe mode"
    channels = tuple(replace(channel, mode=InputMode.PIPE) for channel in bench.start.channels)  # and no FIFO
    return {"pipe": bench.probe.run(replace(bench.start, channels=channels), limit=bench.limit)}


def stopped(bench: Bench) -> Mapping[str, Run]:
    """SIGTERM in the middle of training; then again, and a second one; then at the first line of output.

    An image that does not heed the first is not asked again: each time costs the whole grace.
    """
    sending = replace(bench.start, hyperparameters=bench.case.longer())

    def at_the_first_line(glimpse: Glimpse) -> bool:
        return bool(glimpse.lines)

    runs: dict[str, Run] = {}
    for name, moment, signals in (
        ("stopped", bench.is_training, ("SIGTERM",)),
        ("stopped twice", bench.is_training, ("SIGTERM", "SIGTERM")),
        ("stopped early", at_the_first_line, ("SIGTERM",)),
    ):
        interruption = Interruption(moment=moment, signals=signals)
        runs[name] = bench.probe.run(sending, interruption=interruption, limit=bench.limit)
        if runs[name].exit_code is None and runs[name].signalled_at is not None:
            break
    return runs


def killed(bench: Bench) -> Mapping[str, Run]:
    """SIGKILL once there is a checkpoint; then again with the same checkpoints; then with the newest cut in half."""
    sending = replace(bench.start, with_checkpoints=True)
    interruption = Interruption(
        moment=lambda glimpse: glimpse.has_checkpoint and bench.is_training(glimpse), signals=("SIGKILL",)
    )
    runs: dict[str, Run] = {}
    for attempt in range(_TRIES_TO_KILL):
        kept = bench.folder / f"checkpoints-of-killed-run-{attempt}"
        runs["killed"] = bench.probe.run(sending, interruption=interruption, limit=bench.limit, checkpoints=kept)
        if runs["killed"].signalled_at is not None or not runs["killed"].checkpoint_files:
            break
    newest = next(reversed(runs["killed"].checkpoint_files), None)
    if runs["killed"].signalled_at is None or newest is None:
        return runs
    torn = bench.folder / "torn-checkpoints"
    shutil.copytree(kept, torn)
    content = (torn / newest).read_bytes()
    (torn / newest).write_bytes(content[: len(content) // 2])
    runs["resumed"] = bench.probe.run(sending, limit=bench.limit, checkpoints=kept)
    runs["torn"] = bench.probe.run(sending, limit=bench.limit, checkpoints=torn)
    return runs


def longer(bench: Bench) -> Mapping[str, Run] | str:
    """A thousand times the epochs until the first line comes, where the good case printed all its lines at its end."""
    if not bench.good.printed_at_its_end:
        return "its lines came while it ran"
    if bench.case.longer() == bench.case.hyperparameters:
        return "training cannot be made longer without a hyperparameter called epochs"
    sending = replace(bench.start, hyperparameters=bench.case.longer())
    first_line = Interruption(moment=lambda glimpse: bool(glimpse.lines), signals=("SIGKILL",))
    return {"longer": bench.probe.run(sending, interruption=first_line, limit=bench.limit)}


def roots_config(bench: Bench) -> Mapping[str, Run] | str:
    """The config folder as on the service: root's, with a mode that keeps everybody else out."""
    if is_root(bench.image):
        return "the image runs as root"
    return {"root's config": bench.probe.run(replace(bench.start, config_mode=0o644), limit=bench.limit)}


def is_root(image: ImageFacts) -> bool:
    """Whether the image runs as root."""
    return image.user.partition(":")[0] in {"", "0", "root"}


def hidden_files(bench: Bench) -> Mapping[str, Run] | str:
    """What the image brings under /opt/ml, /opt/ml/code excepted, is not to be seen."""
    listing = bench.probe.shell(_LIST_OPT_ML)
    if listing.refusal:
        return "the image has no /bin/sh to list what it brings under /opt/ml"
    theirs = tuple(line for line in listing.texts if line.startswith("/opt/ml/") and line not in _NOT_THE_IMAGES)
    if not theirs:
        return NOTHING_TO_HIDE
    return {"hidden": bench.probe.run(replace(bench.start, hidden=theirs), limit=bench.limit)}


def drivers(bench: Bench) -> Mapping[str, Run] | str:
    """A listing of the image's own files of NVIDIA's driver."""
    listing = bench.probe.shell(_LIST_DRIVERS)
    return "the image has no /bin/sh to list its files" if listing.refusal else {"drivers": listing}


#: All recipes, by the name under which a reason is kept where one makes no run. The long ones first.
RECIPES: Mapping[str, Recipe] = {
    "killed": killed,
    "stopped": stopped,
    "without required": without_required,
    "pipe": pipe_mode,
    "no hyperparameters": no_hyperparameters,
    "hidden": hidden_files,
    "drivers": drivers,
    "longer": longer,
    "again": again,
    "bad": bad,
    "bad and long": bad_and_long,
    "unknown": unknown,
    "no optional": without_optional,
    "empty": empty_channels,
    "root's config": roots_config,
    **RECIPES_OF_PIPES,
    **RECIPES_OF_HOSTS,
}
