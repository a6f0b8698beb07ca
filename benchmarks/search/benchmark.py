"""How many trials a search needs: Algodock's strategies beside other libraries', on the same problems.

    .venv/bin/python benchmarks/search/benchmark.py set-up [--only ENVIRONMENT ...]
    .venv/bin/python benchmarks/search/benchmark.py problems
    .venv/bin/python benchmarks/search/benchmark.py run [--split held-out] [--setting 30x2] [--seeds 5] ...
    .venv/bin/python benchmarks/search/benchmark.py seconds [--at 30 100 300 1000]
    .venv/bin/python benchmarks/search/benchmark.py report [--setting 30x2] [--json FILE] [--picture FILE]

`run` goes on where it was interrupted: every run that ended is a line of build/search-benchmark/results.jsonl, and is
not run again unless the optimiser, its version or the problem has changed. Seeds are the outermost loop, so what is
there after any time is as fair as it can be. README.md beside this file tells what is measured.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.search.catalogue import ENVIRONMENTS, OPTIMISERS, PROBLEMS  # noqa: E402
from benchmarks.search.peers import BUILD, OptimiserProcess, environment_of_threads, python_of, set_up, version  # noqa: E402
from benchmarks.search.problem import Split  # noqa: E402
from benchmarks.search.simulation import Setting, simulate  # noqa: E402

RESULTS = BUILD / "results.jsonl"


def main() -> None:
    """Do what is asked."""
    asked = _arguments()
    if asked.command == "set-up":
        set_up(asked.only or list(ENVIRONMENTS))
        return
    _enter_environment()
    match asked.command:
        case "problems":
            _list()
        case "run":
            _run(Split(asked.split), Setting.parse(asked.setting), asked)
        case "seconds":
            _seconds(asked)
        case "report":
            _report(Split(asked.split), Setting.parse(asked.setting), asked)


def _arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = options.add_subparsers(dest="command", required=True)
    setting_up = commands.add_parser("set-up", help="install the libraries, in environments of their own")
    setting_up.add_argument("--only", nargs="+", choices=list(ENVIRONMENTS), help="these environments")
    commands.add_parser("problems", help="list the problems and their split")
    for name, purpose in (("run", "run what was not run yet"), ("report", "the figures")):
        command = commands.add_parser(name, help=purpose)
        command.add_argument("--split", choices=[split.value for split in Split], default=Split.HELD_OUT.value)
        command.add_argument("--setting", default="30x2", metavar="TRIALSxPARALLEL", help="30x2, 60x1, 100x8")
        command.add_argument("--only", nargs="+", choices=list(OPTIMISERS), help="these optimisers")
        if name == "run":
            command.add_argument("--first-seed", type=int, default=1)
            command.add_argument("--seeds", type=int, default=5)
            command.add_argument("--problems", nargs="+", metavar="NAME", help="these problems of the split")
            command.add_argument("--minutes", type=float, default=float("inf"), help="begin no run after so long")
        else:
            command.add_argument("--at", type=int, nargs="+", help="numbers of trials; otherwise 10 and all")
            command.add_argument("--results", type=Path, default=RESULTS)
            command.add_argument("--json", type=Path, help="write the figures here")
            command.add_argument("--picture", type=Path, help="write a page with the regret by trial here")
    seconds = commands.add_parser("seconds", help="how long a suggestion takes, by the number of observations")
    seconds.add_argument("--only", nargs="+", choices=list(OPTIMISERS), help="these optimisers")
    seconds.add_argument("--at", type=int, nargs="+", default=[30, 100, 300, 1000], help="numbers of observations")
    seconds.add_argument("--problem", default="hartmann-6")
    return options.parse_args()


def _enter_environment() -> None:
    """Go on in the environment where the problems are, with one thread."""
    python = python_of(PROBLEMS)
    if not python.is_file():
        raise SystemExit("first: benchmarks/search/benchmark.py set-up")
    if Path(sys.prefix).resolve() != python.parents[1].resolve():
        command = [str(python), str(Path(__file__).resolve()), *sys.argv[1:]]
        os.execve(command[0], command, environment_of_threads())


def _list() -> None:
    from benchmarks.search.problems import PROBLEMS as ALL  # noqa: PLC0415 - needs that environment

    for problem in ALL.values():
        print(f"{problem.split.value:9} {problem.name:28} {len(problem.ranges):2} ranges")


def _run(split: Split, setting: Setting, asked: argparse.Namespace) -> None:
    from benchmarks.search import problems, results  # noqa: PLC0415 - needs that environment

    chosen = [one for one in problems.of_split(split) if not asked.problems or one.name in asked.problems]
    if not chosen:
        raise SystemExit(f"no problem of the {split.value} set is called so")
    there = {run.key for run in results.read(RESULTS)}
    end = time.monotonic() + 60 * asked.minutes
    for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
        for name in asked.only or OPTIMISERS:
            installed = version(name)
            if installed is None:
                continue
            waiting = []
            for problem in chosen:
                key = results.RunKey(
                    optimiser=name,
                    version=installed,
                    problem=problem.name,
                    problem_version=problems.version_of(problem),
                    setting=setting.name,
                    seed=seed,
                )
                if key not in there:
                    waiting.append((problem, key))
            if not waiting:
                continue
            with OptimiserProcess(name) as process:
                for problem, key in waiting:
                    if time.monotonic() > end:
                        return
                    begin = time.monotonic()
                    run = results.run_of(key, simulate(process, problem, seed, setting))
                    results.write(RESULTS, run)
                    failed = f", {len(run.errors)} suggestions failed: {run.errors[0]}" if run.errors else ""
                    print(f"{name} {problem.name} seed {seed}: {time.monotonic() - begin:.1f} s{failed}", flush=True)


def _seconds(asked: argparse.Namespace) -> None:
    from benchmarks.search.problems import PROBLEMS as ALL  # noqa: PLC0415 - needs that environment
    from benchmarks.search.seconds import speeds  # noqa: PLC0415 - needs that environment

    print("| optimiser | observations | s by the clock | s of a CPU | memory, MiB |")
    print("| --- | --- | --- | --- | --- |")
    for name in asked.only or OPTIMISERS:
        if version(name) is None:
            continue
        try:
            for speed in speeds(name, ALL[asked.problem], asked.at):
                cells = (f"{speed.wall:.3f}", f"{speed.cpu:.3f}", f"{speed.memory:.0f}")
                print(f"| {name} | {speed.observations} | {' | '.join(cells)} |", flush=True)
        except ChildProcessError as error:
            print(f"| {name} | {error} | | | |", flush=True)


def _report(split: Split, setting: Setting, asked: argparse.Namespace) -> None:
    from benchmarks.search.report import figures, picture, table  # noqa: PLC0415 - needs that environment

    found = figures(asked.results, split, setting, asked.only or list(OPTIMISERS), asked.at)
    print(table(found))
    if asked.json:
        asked.json.write_text(json.dumps(found.to_json(), indent=1))
    if asked.picture:
        picture(found, asked.picture)


if __name__ == "__main__":
    main()
