"""How many trials a search needs: Algodock's strategies beside other libraries', on the same problems.

    .venv/bin/python benchmarks/search/benchmark.py set-up [--only ENVIRONMENT ...]
    .venv/bin/python benchmarks/search/benchmark.py problems
    .venv/bin/python benchmarks/search/benchmark.py run [--split held-out] [--setting 30x2] [--seeds 5] ...
    .venv/bin/python benchmarks/search/benchmark.py seconds [--at 30 100 300 1000]
    .venv/bin/python benchmarks/search/benchmark.py warm-start [--split held-out] [--seeds 5]
    .venv/bin/python benchmarks/search/benchmark.py report [--setting 30x2] [--json FILE] [--picture FILE]
    .venv/bin/python benchmarks/search/benchmark.py page [--ours VERSION ...]
    .venv/bin/python benchmarks/search/benchmark.py keep

`run` goes on where it was interrupted: every run that ended is a line of build/search-benchmark/results.jsonl, and is
not run again unless the optimiser, its version or the problem has changed. Seeds are the outermost loop, so what is
there after any time is as fair as it can be; so does `warm-start`, with a file of its own. `page` runs nothing: it
writes docs/search-benchmark.md from what is there. `keep` packs what was measured into kept.tar.xz beside this file,
which is part of the project; where nothing was measured yet, that is what there is. README.md tells what is measured.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.search.catalogue import ENVIRONMENTS, OPTIMISERS, PROBLEMS  # noqa: E402
from benchmarks.search.peers import BUILD, OptimiserProcess, environment_of_threads, python_of, set_up, version  # noqa: E402
from benchmarks.search.problem import Split  # noqa: E402
from benchmarks.search.simulation import Setting, simulate  # noqa: E402

RESULTS = BUILD / "results.jsonl"
#: What was measured before, with what was in the environments: part of the project.
KEPT = Path(__file__).with_name("kept.tar.xz")


def main() -> None:
    """Do what is asked."""
    asked = _arguments()
    if asked.command == "set-up":
        set_up(asked.only or list(ENVIRONMENTS))
        return
    _enter_environment()
    _unpack()
    match asked.command:
        case "problems":
            _list()
        case "run":
            _run(Split(asked.split), Setting.parse(asked.setting), asked)
        case "seconds":
            _seconds(asked)
        case "warm-start":
            _warm_start(Split(asked.split), asked)
        case "report":
            _report(Split(asked.split), Setting.parse(asked.setting), asked)
        case "page":
            _page(asked)
        case "keep":
            _keep()


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
            command.add_argument("--picture", type=Path, help="write the regret by trial here, an SVG")
            _choose_ours(command)
    seconds = commands.add_parser("seconds", help="how long a suggestion takes, by the number of observations")
    seconds.add_argument("--only", nargs="+", choices=list(OPTIMISERS), help="these optimisers")
    seconds.add_argument("--at", type=int, nargs="+", default=[30, 100, 300, 1000], help="numbers of observations")
    seconds.add_argument("--problem", default="hartmann-6")
    warm = commands.add_parser("warm-start", help="what parents gain and cost: run what was not run yet, and say")
    warm.add_argument("--split", choices=[split.value for split in Split], default=Split.HELD_OUT.value)
    warm.add_argument("--first-seed", type=int, default=1)
    warm.add_argument("--seeds", type=int, default=5)
    warm.add_argument("--minutes", type=float, default=float("inf"), help="begin no run after so long")
    page = commands.add_parser("page", help="write docs/search-benchmark.md and its pictures")
    page.add_argument("--results", type=Path, default=RESULTS)
    _choose_ours(page)
    commands.add_parser("keep", help="pack what was measured, for those who come later")
    return options.parse_args()


def _choose_ours(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--ours",
        nargs="+",
        default=[],
        metavar="VERSION",
        help="versions of ours that count, the first preferred; otherwise the one with the most runs",
    )


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
    from benchmarks.search.machine import machine  # noqa: PLC0415 - needs that environment
    from benchmarks.search.page import SECONDS_FILE  # noqa: PLC0415 - needs that environment
    from benchmarks.search.problems import PROBLEMS as ALL  # noqa: PLC0415 - needs that environment
    from benchmarks.search.results import append  # noqa: PLC0415 - needs that environment
    from benchmarks.search.seconds import speeds  # noqa: PLC0415 - needs that environment

    print("| optimiser | observations | s by the clock | s of a CPU | memory, MiB |")
    print("| --- | --- | --- | --- | --- |")
    for name in asked.only or OPTIMISERS:
        installed = version(name)
        if installed is None:
            continue
        whose = {"optimiser": name, "version": installed, "problem": asked.problem, "machine": machine()}
        try:
            for speed in speeds(name, ALL[asked.problem], asked.at):
                append(SECONDS_FILE, whose | asdict(speed))
                cells = (f"{speed.wall:.3f}", f"{speed.cpu:.3f}", f"{speed.memory:.0f}")
                print(f"| {name} | {speed.observations} | {' | '.join(cells)} |", flush=True)
        except ChildProcessError as error:
            print(f"| {name} | {error} | | | |", flush=True)


def _warm_start(split: Split, asked: argparse.Namespace) -> None:
    from benchmarks.search import warm_start  # noqa: PLC0415 - needs that environment
    from benchmarks.search.page import WARM_START_FILE, warm_start_tables  # noqa: PLC0415 - needs that environment

    ours = str(version("algodock"))
    end = time.monotonic() + 60 * asked.minutes
    for done in warm_start.run(WARM_START_FILE, split, ours, range(asked.first_seed, asked.first_seed + asked.seeds)):
        print(done, flush=True)
        if time.monotonic() > end:
            break
    print("\n".join(warm_start_tables(warm_start.figures(WARM_START_FILE, split, [ours]))))


def _report(split: Split, setting: Setting, asked: argparse.Namespace) -> None:
    from benchmarks.search import report  # noqa: PLC0415 - needs that environment

    found = report.Results(asked.results, split, asked.ours)
    figures = found.figures(setting, only=asked.only or (), at=asked.at or ())
    if figures is None:
        raise SystemExit("no optimiser has run every problem in this setting; there is nothing to compare")
    print(report.title(figures, split), report.table(figures), report.table_by_problem(figures), sep="\n\n")
    for name, count in figures.left_out.items():
        print(f"\nleft out: {name}, which has run {count} of {len(figures.problems)} problems")
    if asked.json:
        asked.json.write_text(json.dumps(figures.to_json(), indent=1))
    if asked.picture:
        from benchmarks.search.pictures import regret_picture  # noqa: PLC0415 - seldom wanted

        regret_picture(figures, asked.picture)


def _page(asked: argparse.Namespace) -> None:
    from benchmarks.search.page import write_page  # noqa: PLC0415 - needs that environment

    for path in write_page(asked.results, asked.ours):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1024:.0f} KiB")


def _unpack() -> None:
    from benchmarks.search.results import unpack  # noqa: PLC0415 - needs that environment

    unpack(KEPT, BUILD)


def _keep() -> None:
    from benchmarks.search.results import keep  # noqa: PLC0415 - needs that environment

    measured = [*BUILD.glob("*.jsonl"), *(BUILD / "environments").glob("*.json")]
    keep(KEPT, BUILD, [str(path.relative_to(BUILD)) for path in measured])
    print(f"{KEPT.relative_to(ROOT)}: {KEPT.stat().st_size / 1024:.0f} KiB, {len(measured)} files")


if __name__ == "__main__":
    main()
