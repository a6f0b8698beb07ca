"""All checks: which item, which runs it needs, who judges it."""

from collections.abc import Callable
from dataclasses import dataclass

from tuner.conformance import judgements as judge
from tuner.conformance import judgements_of_output as output
from tuner.conformance.evidence import Evidence, Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """How an item is checked.

    `needs` names the recipe (in `recipes.RECIPES`) of the runs that it needs besides the good one. `after` are items
    whose failure leaves nothing to judge here. `needs_good_case`: without a good run there is nothing to judge.
    """

    id: str
    judge: Callable[[Evidence], Verdict]
    needs: str = ""
    after: tuple[str, ...] = ()
    needs_good_case: bool = True


_STOP = ("TRAIN-TERM-EXIT",)

CHECKS = (
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
    Check(id="TRAIN-MODEL-WRITTEN", judge=judge.model_written),
    Check(id="TRAIN-MODEL-SELFCONTAINED", judge=judge.model_self_contained),
    Check(id="TRAIN-TERM-EXIT", judge=judge.stop_ends_it, needs="stopped"),
    Check(id="TRAIN-TERM-MODEL", judge=judge.stop_leaves_a_model, needs="stopped", after=_STOP),
    Check(id="TRAIN-TERM-EARLY", judge=judge.early_stop, needs="stopped", after=_STOP),
    Check(id="TRAIN-TERM-TWICE", judge=judge.second_stop, needs="stopped", after=_STOP),
    Check(id="TRAIN-KILL-RESUME", judge=judge.resumption, needs="killed"),
    Check(id="TRAIN-CKPT-PATH", judge=judge.checkpoint_place, needs="killed"),
    Check(id="TRAIN-CKPT-CORRUPT", judge=judge.torn_checkpoint, needs="killed"),
    Check(id="TRAIN-LOG-STDOUT", judge=output.prints),
    Check(id="TRAIN-LOG-UNBUFFERED", judge=output.prints_at_once),
    Check(id="TRAIN-LOG-LINES", judge=output.prints_lines),
    Check(id="TRAIN-METRIC-MATCH", judge=output.metrics_found),
    Check(id="TRAIN-METRIC-NUMERIC", judge=output.metrics_are_numbers),
    Check(id="TRAIN-METRIC-ONEGROUP", judge=output.one_group),
    Check(id="TRAIN-METRIC-PER-EPOCH", judge=output.once_an_epoch),
    Check(id="TRAIN-SEED", judge=output.same_seed, needs="again"),
    Check(id="TRAIN-USER-ROOT", judge=judge.user, needs="root's config"),
    Check(id="TRAIN-OPTML-EMPTY", judge=judge.needs_nothing_of_its_own, needs="hidden"),
    Check(id="TRAIN-IMG-ARCH", judge=judge.platform_of_image, needs_good_case=False),
    Check(id="TRAIN-IMG-SECRETS", judge=judge.secrets, needs_good_case=False),
)
