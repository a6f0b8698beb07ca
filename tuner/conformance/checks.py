"""All checks of training: which item, which runs it needs, who judges it.

`needs` names a recipe (in `recipes.RECIPES`); what is judged under a condition is in `conditions`.
"""

from tuner.conformance import judgements as judge
from tuner.conformance import judgements_of_hosts as hosts
from tuner.conformance import judgements_of_output as output
from tuner.conformance import judgements_of_pipes as pipes
from tuner.conformance.evidence import Evidence
from tuner.conformance.part import Check

_STOP = ("TRAIN-TERM-EXIT",)
_PIPE = ("TRAIN-PIPE-EPOCH",)
_HOSTS = ("TRAIN-DIST-HOSTS",)

CHECKS: tuple[Check[Evidence], ...] = (
    Check(id="TRAIN-START-ARG", judge=judge.start_argument, needs_good_case=False),
    Check(id="TRAIN-START-EXEC", judge=judge.start_exec, needs_good_case=False),
    Check(id="TRAIN-START-NO-TINI", judge=judge.start_no_init, needs_good_case=False),
    Check(id="TRAIN-HP-STRINGS", judge=judge.reads_strings, after=("TRAIN-START-ARG",), needs_good_case=False),
    Check(
        id="TRAIN-EXIT-0", judge=judge.good_exit, after=("TRAIN-START-ARG", "TRAIN-HP-STRINGS"), needs_good_case=False
    ),
    Check(
        id="TRAIN-EXIT-TIMELY",
        judge=judge.timely_exit,
        after=("TRAIN-START-ARG", "TRAIN-HP-STRINGS"),
        needs_good_case=False,
    ),
    Check(id="TRAIN-EXIT-NONZERO", judge=judge.bad_exit, needs="bad"),
    Check(id="TRAIN-FAIL-FILE", judge=judge.failure_file, needs="bad"),
    Check(id="TRAIN-FAIL-1024", judge=judge.failure_beginning, needs="bad and long"),
    Check(id="TRAIN-FAIL-NONE-ON-OK", judge=judge.no_failure_file),
    Check(id="TRAIN-FAIL-STDERR", judge=judge.failure_in_log, needs="bad"),
    Check(id="TRAIN-HP-EMPTY", judge=judge.without_hyperparameters, needs="no hyperparameters"),
    Check(id="TRAIN-HP-UNKNOWN", judge=judge.unknown_hyperparameter, needs="unknown"),
    Check(id="TRAIN-CH-MISSING-REQUIRED", judge=judge.missing_channel, needs="without required"),
    Check(id="TRAIN-CH-OPTIONAL", judge=judge.optional_channels, needs="no optional"),
    Check(id="TRAIN-CH-EMPTY", judge=judge.empty_channels, needs="empty"),
    Check(id="TRAIN-CH-MODE-HONOURED", judge=judge.pipe_mode, needs="pipe"),
    Check(id="TRAIN-PIPE-EPOCH", judge=pipes.epoch_by_epoch, needs="piped"),
    Check(id="TRAIN-PIPE-LATE", judge=pipes.waits_for_late_fifos, needs="piped late", after=_PIPE),
    Check(id="TRAIN-PIPE-CHUNK", judge=pipes.takes_pieces, needs="piped in pieces", after=_PIPE),
    Check(id="TRAIN-PIPE-RECORDIO", judge=pipes.unwraps_records, needs="records", after=_PIPE),
    Check(id="TRAIN-PIPE-AUGMENTED", judge=pipes.pairs_attributes, needs="augmented", after=_PIPE),
    Check(id="TRAIN-MODEL-WRITTEN", judge=judge.model_written),
    Check(id="TRAIN-MODEL-SELFCONTAINED", judge=judge.model_self_contained),
    Check(id="TRAIN-OUT-DATA", judge=judge.artifacts),
    Check(id="TRAIN-TERM-EXIT", judge=judge.stop_ends_it, needs="stopped"),
    Check(id="TRAIN-TERM-MODEL", judge=judge.stop_leaves_a_model, needs="stopped", after=_STOP),
    Check(id="TRAIN-TERM-EARLY", judge=judge.early_stop, needs="stopped", after=_STOP),
    Check(id="TRAIN-TERM-TWICE", judge=judge.second_stop, needs="stopped", after=_STOP),
    Check(id="TRAIN-KILL-RESUME", judge=judge.resumption, needs="killed"),
    Check(id="TRAIN-CKPT-PATH", judge=judge.checkpoint_place, needs="killed"),
    Check(id="TRAIN-CKPT-CORRUPT", judge=judge.torn_checkpoint, needs="killed"),
    Check(id="TRAIN-LOG-STDOUT", judge=output.prints),
    Check(id="TRAIN-LOG-UNBUFFERED", judge=output.prints_at_once, needs="longer"),
    Check(id="TRAIN-LOG-LINES", judge=output.prints_lines),
    Check(id="TRAIN-METRIC-MATCH", judge=output.metrics_found),
    Check(id="TRAIN-METRIC-NUMERIC", judge=output.metrics_are_numbers),
    Check(id="TRAIN-METRIC-ONEGROUP", judge=output.one_group),
    Check(id="TRAIN-METRIC-PER-EPOCH", judge=output.once_an_epoch),
    Check(id="TRAIN-SEED", judge=output.same_seed, needs="again"),
    Check(id="TRAIN-USER-ROOT", judge=judge.user, needs="root's config"),
    Check(id="TRAIN-OPTML-EMPTY", judge=judge.needs_nothing_of_its_own, needs="hidden"),
    Check(id="TRAIN-DIST-HOSTS", judge=hosts.hosts_join, needs="two hosts"),
    Check(id="TRAIN-DIST-DNS-LATE", judge=hosts.waits_for_names, needs="late names", after=_HOSTS),
    Check(id="TRAIN-DIST-HOSTNAME", judge=hosts.goes_by_current_host, needs="two hosts", after=_HOSTS),
    Check(id="TRAIN-DIST-IFACE", judge=hosts.goes_by_the_interface, needs="other interface", after=_HOSTS),
    Check(id="TRAIN-DIST-ORDER", judge=hosts.agrees_on_a_leader, needs="two hosts", after=_HOSTS),
    Check(id="TRAIN-DIST-PEER-LOSS", judge=hosts.notices_a_lost_host, needs="lost host", after=_HOSTS),
    Check(id="TRAIN-DIST-GROUPS", judge=hosts.takes_groups, needs="two groups", after=_HOSTS),
    Check(
        id="TRAIN-METRIC-ONE-HOST",
        judge=hosts.one_host_reports,
        needs="two hosts",
        after=(*_HOSTS, "TRAIN-METRIC-MATCH"),
    ),
    Check(id="TRAIN-CKPT-HOSTS", judge=hosts.checkpoints_of_different_names, needs="two hosts", after=_HOSTS),
    Check(id="TRAIN-GPU-NO-DRIVER", judge=judge.no_driver, needs="drivers"),
    Check(id="TRAIN-IMG-ARCH", judge=judge.platform_of_image, needs_good_case=False),
    Check(id="TRAIN-IMG-SECRETS", judge=judge.secrets, needs_good_case=False),
)
