"""Conditions that an image meets on the platform, each a change of what a run is given.

Many of them fit into one run: where an image passes it, it has met them all. Where it does not, each gets a run of its
own. So an image that keeps the contract costs two runs, and one that does not is told which rule it breaks.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from contracts.channels import InputMode
from contracts.hyperparameters import MAX_VALUE_LENGTH, TUNING_OBJECTIVE_METRIC
from tuner.conformance.case import Claim, GoodCase, is_fraction, is_integer
from tuner.conformance.sending import Sending, SentChannel, strict_environment
from tuner.conformance.staging import has_few_entries

#: What a condition makes of a run; a text says why it does not apply.
Change = Callable[[Sending, GoodCase], Sending | str]

DOCKERS_SHARED_MEMORY = 64 * 1024**2
_NO_CHANNEL = "the good case has no channel: give one with --channel"
_DOCUMENTED_FIELDS = ("current_host", "hosts", "network_interface_name")


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """What one run adds to the plainest one. `may_refuse`: failing with a clear text keeps the rule too."""

    id: str
    change: Change
    may_refuse: bool = False


def read_only_config(sending: Sending, _: GoodCase) -> Sending:
    """The config folder cannot be written."""
    return replace(sending, config_read_only=True)


def read_only_channels(sending: Sending, _: GoodCase) -> Sending | str:
    """No channel can be written."""
    changed = _change_folders(sending, lambda channel: channel)
    return changed if isinstance(changed, str) else replace(changed, channels_read_only=True)


def tuning_key(sending: Sending, case: GoodCase) -> Sending:
    """The tuner's own hyperparameter."""
    metric = case.judged_metric
    return with_hyperparameters(sending, {TUNING_OBJECTIVE_METRIC: metric.name if metric else "validation:accuracy"})


def sagemaker_keys(sending: Sending, _: GoodCase) -> Sending:
    """What the SDK's framework estimators add, JSON inside the strings; the good case's own stay.

    Not ``sagemaker_program`` and the like: an image on AWS's training toolkit has to do what they say.
    """
    added = {
        "sagemaker_container_log_level": "20",
        "sagemaker_job_name": '"algodock-check"',
        "sagemaker_region": '"us-east-1"',
    }
    return with_hyperparameters(sending, {**added, **sending.hyperparameters})


def more_resource_fields(sending: Sending, _: GoodCase) -> Sending:
    """Fields that no document tells of."""
    return replace(
        sending, resource_config={**sending.resource_config, "topology": None, "zone": {"name": "a", "racks": [1, 2]}}
    )


def documented_resource_fields(sending: Sending, _: GoodCase) -> Sending:
    """The three documented fields and no more."""
    return replace(sending, resource_config={name: sending.resource_config[name] for name in _DOCUMENTED_FIELDS})


def no_toolkit_variables(sending: Sending, case: GoodCase) -> Sending:
    """No variable of the training toolkit."""
    return replace(sending, environment=strict_environment(sending, case, without=("SM_",)))


def no_credentials(sending: Sending, case: GoodCase) -> Sending:
    """Neither credentials nor a region of AWS."""
    return replace(sending, environment=strict_environment(sending, case, without=("AWS_",)))


def no_network(sending: Sending, case: GoodCase) -> Sending | str:
    """No network at all."""
    if Claim.ISOLATION not in case.claims:
        return "isolation is not claimed (--claim isolation, or EnableNetworkIsolation in the job)"
    return replace(sending, network=False)


def empty_checkpoints(sending: Sending, _: GoodCase) -> Sending:
    """A checkpoint folder with nothing in it."""
    return replace(sending, with_checkpoints=True)


def exponents(sending: Sending, case: GoodCase) -> Sending | str:
    """Fractions in exponent form: 0.1 becomes 1e-1, the next one 1E-1."""
    names = [name for name, text in sorted(case.hyperparameters.items()) if is_fraction(text)]
    if not names:
        return "the good case has no fractional hyperparameter, such as learning_rate=0.1"
    forms = ("e", "E")
    return with_hyperparameters(
        sending, {name: _exponent_form(case.hyperparameters[name], forms[n % 2]) for n, name in enumerate(names)}
    )


def _exponent_form(text: str, letter: str) -> str:
    _, digits, exponent = (number := Decimal(text)).as_tuple()
    sign = "-" if number.is_signed() else ""
    return f"{sign}{''.join(map(str, digits)).lstrip('0') or '0'}{letter}{exponent}"


def json_texts(sending: Sending, case: GoodCase) -> Sending | str:
    """Texts with JSON's quotes around them."""
    texts = {
        name: f'"{text}"'
        for name, text in case.hyperparameters.items()
        if text.isidentifier() and text.lower() not in {"true", "false", "none", "null", "nan", "inf", "infinity"}
    }
    return with_hyperparameters(sending, texts) if texts else "the good case has no hyperparameter that is a word"


def floats_for_integers(sending: Sending, case: GoodCase) -> Sending | str:
    """Integers as 10.0."""
    found = {name: f"{text}.0" for name, text in case.hyperparameters.items() if is_integer(text)}
    return with_hyperparameters(sending, found) if found else "the good case has no integer hyperparameter"


def long_value(sending: Sending, _: GoodCase) -> Sending:
    """A value as long as the API allows, under a name that every image ignores."""
    return with_hyperparameters(sending, {"sagemaker_note": "n" * MAX_VALUE_LENGTH})


def unicode_value(sending: Sending, _: GoodCase) -> Sending:
    """A value beyond ASCII, under a name that every image ignores."""
    return with_hyperparameters(sending, {"sagemaker_remark": "grüße, 机器学习, 🙂"})


def extra_channel(sending: Sending, _: GoodCase) -> Sending:
    """A channel that the image knows nothing of, with a file in it."""
    return replace(sending, channels=(*sending.channels, SentChannel(name="extra", source=None, odd_files=True)))


def odd_channel_name(sending: Sending, _: GoodCase) -> Sending:
    """A channel whose name has all that names may have."""
    return replace(sending, channels=(*sending.channels, SentChannel(name="a.b-c_1", source=None, odd_files=True)))


def no_content_type(sending: Sending, _: GoodCase) -> Sending | str:
    """No channel says what its files are."""
    return _change_channels(sending, lambda channel: replace(channel, content_type=None))


def nested_files(sending: Sending, _: GoodCase) -> Sending | str:
    """The files of every channel in a sub-folder of a sub-folder."""
    return _change_folders(sending, lambda channel: replace(channel, nested=True))


def odd_files(sending: Sending, _: GoodCase) -> Sending | str:
    """Files in every channel that are no data."""
    if not all(channel.source is None or has_few_entries(channel.source) for channel in sending.channels):
        return "a channel has too many entries at its top to be mounted one by one"
    return _change_folders(sending, lambda channel: replace(channel, odd_files=True))


def small_shared_memory(sending: Sending, _: GoodCase) -> Sending:
    """Docker's own 64 MiB of /dev/shm."""
    return replace(sending, shm_bytes=DOCKERS_SHARED_MEMORY)


def typed_hyperparameters(sending: Sending, _: GoodCase) -> Sending:
    """Numbers as JSON numbers: what the platform never sends, and an image may have been written for."""
    return replace(sending, hyperparameters={name: _typed(value) for name, value in sending.hyperparameters.items()})


def with_hyperparameters(sending: Sending, values: Mapping[str, object]) -> Sending:
    """`sending` with `values` over its hyperparameters."""
    return replace(sending, hyperparameters={**sending.hyperparameters, **values})


def _typed(value: str) -> object:
    if is_integer(value):
        return int(value)
    return float(value) if is_fraction(value) else value


def _change_channels(sending: Sending, change: Callable[[SentChannel], SentChannel]) -> Sending | str:
    if not sending.channels:
        return _NO_CHANNEL
    return replace(sending, channels=tuple(change(channel) for channel in sending.channels))


def _change_folders(sending: Sending, change: Callable[[SentChannel], SentChannel]) -> Sending | str:
    """Change the channels that are folders."""
    if sending.channels and all(channel.mode is InputMode.PIPE for channel in sending.channels):
        return "every channel of the good case is in Pipe mode: there is no folder"
    return _change_channels(sending, lambda channel: channel if channel.mode is InputMode.PIPE else change(channel))


#: What the platform always brings, or may bring to any job: an image has to live with all of it at once.
ON_THE_PLATFORM = (
    Condition(id="TRAIN-HP-READONLY", change=read_only_config),
    Condition(id="TRAIN-CH-READONLY", change=read_only_channels),
    Condition(id="TRAIN-HP-TUNING-KEY", change=tuning_key),
    Condition(id="TRAIN-HP-SAGEMAKER-KEYS", change=sagemaker_keys),
    Condition(id="TRAIN-RC-EXTRA", change=more_resource_fields),
    Condition(id="TRAIN-ENV-JOBNAME", change=no_toolkit_variables),
    Condition(id="TRAIN-NET-NOCREDS", change=no_credentials),
    Condition(id="TRAIN-NET-ISOLATED", change=no_network),
    Condition(id="TRAIN-CKPT-EMPTY", change=empty_checkpoints),
    Condition(id="TRAIN-HP-EXPFLOAT", change=exponents),
)
#: What is rare.
UNUSUAL = (
    Condition(id="TRAIN-RC-MINIMAL", change=documented_resource_fields),
    Condition(id="TRAIN-HP-JSON", change=json_texts),
    Condition(id="TRAIN-HP-INT-AS-FLOATTEXT", change=floats_for_integers, may_refuse=True),
    Condition(id="TRAIN-HP-LONG", change=long_value),
    Condition(id="TRAIN-HP-UNICODE", change=unicode_value),
    Condition(id="TRAIN-CH-CONTENTTYPE", change=no_content_type, may_refuse=True),
    Condition(id="TRAIN-CH-NESTED", change=nested_files, may_refuse=True),
    Condition(id="TRAIN-CH-ODDNAMES", change=odd_files, may_refuse=True),
    Condition(id="TRAIN-CH-EXTRA", change=extra_channel),
    Condition(id="TRAIN-CH-NAME-CHARS", change=odd_channel_name),
    Condition(id="TRAIN-SHM-SMALL", change=small_shared_memory, may_refuse=True),
)


def together(conditions: Iterable[Condition], sending: Sending, case: GoodCase) -> tuple[Sending, list[Condition]]:
    """`sending` under all of `conditions` that apply, and which these are."""
    applied = []
    for condition in conditions:
        changed = condition.change(sending, case)
        if isinstance(changed, Sending):
            sending = changed
            applied.append(condition)
    return sending, applied
