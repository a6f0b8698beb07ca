"""`algodock doctor`: a line a check, with what to do, and an exit code."""

import json

import pytest
from commands_in_process import Run

from tuner.cli.doctor import print_results
from tuner.doctor import CheckResult, CheckStatus
from tuner.engine.fake import FakeEngine

FINE = CheckResult(name="engine", status=CheckStatus.OK, message="24.0")
DOUBTFUL = CheckResult(name="clock", status=CheckStatus.WARN, message="3 s off", remedy="Set it.")
MISSING = CheckResult(name="home", status=CheckStatus.FAIL, message="cannot be written", remedy="Choose another.")


@pytest.mark.parametrize(("results", "code"), [([FINE], 0), ([FINE, DOUBTFUL], 0), ([MISSING, FINE], 3)])
def test_only_what_every_job_needs_makes_it_fail(results: list[CheckResult], code: int) -> None:
    """A warning is for what some jobs can do without."""
    assert code == print_results(results, as_json=False)


def test_a_remedy_stands_below_its_check(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing is amiss there is none."""
    print_results([FINE, DOUBTFUL], as_json=False)

    lines = capsys.readouterr().out.splitlines()
    assert ["ok    engine           24.0", "warn  clock            3 s off"] == lines[:2]
    assert "Set it." == lines[2].strip()


def test_as_json_there_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    """With the same words."""
    print_results([MISSING], as_json=True)

    expected = [{"name": "home", "status": "fail", "message": "cannot be written", "remedy": "Choose another."}]
    assert expected == json.loads(capsys.readouterr().out)


def test_without_an_engine_the_other_checks_are_made_all_the_same(run: Run, engine: FakeEngine) -> None:
    """The exit code is 3."""
    engine.reachable = False

    outcome = run("doctor", "--json")

    assert 3 == outcome.code
    statuses = {check["name"]: check["status"] for check in outcome.document}
    assert "fail" == statuses["engine"]
    assert "home" in statuses
