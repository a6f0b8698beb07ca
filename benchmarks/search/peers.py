"""The environments of the optimisers, and the processes that they run in."""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.search.catalogue import ENVIRONMENTS, OPTIMISERS, OVERRIDES
from benchmarks.search.problem import Problem
from benchmarks.search.simulation import Setting, Suggestion
from benchmarks.search.worker import range_to_json

ROOT = Path(__file__).resolve().parents[2]
#: Everything that the benchmark makes; git ignores it.
BUILD = ROOT / "build" / "search-benchmark"

#: One thread: what is compared is one core each, and many threads make small matrices slower.
_ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS",
    ),
    "1",
)
_XLA = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1", "JAX_PLATFORMS": "cpu"}

_VERSIONS = (
    "import importlib.metadata as m, json; print(json.dumps({d.name.lower(): d.version for d in m.distributions()}))"
)


def python_of(environment: str) -> Path:
    """The interpreter of an environment, whether it is there or not."""
    return BUILD / "environments" / environment / "bin" / "python"


def set_up(environments: list[str]) -> None:
    """Make the environments, and write down what is in them; one that fails is said to, and left out."""
    uv = [sys.executable, "-m", "uv"]
    if importlib.util.find_spec("uv") is None:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "uv"], check=True)
    for name in environments:
        print(f"{name}: {' '.join(ENVIRONMENTS[name])}", flush=True)
        made = subprocess.run(
            [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(python_of(name).parents[1])],
            check=False,
        )
        if made.returncode == 0:
            overrides = python_of(name).parents[1] / "overrides.txt"
            overrides.write_text("\n".join(OVERRIDES.get(name, ())))
            into = ["--quiet", "--python", str(python_of(name)), "--override", str(overrides)]
            made = subprocess.run([*uv, "pip", "install", *into, *ENVIRONMENTS[name]], check=False)
        if made.returncode:
            print(f"{name}: could not be installed; its optimisers are left out", flush=True)
            continue
        target = BUILD / "environments" / f"{name}.json"
        target.write_text(json.dumps(_installed(name), indent=1, sort_keys=True))


def environment_of_threads() -> dict[str, str]:
    """This process's environment variables, with one thread for everything."""
    return {**os.environ, **_ONE_THREAD, **_XLA, "PYTHONHASHSEED": "0"}


def _installed(environment: str) -> dict[str, str]:
    command = [str(python_of(environment)), "-c", _VERSIONS]
    versions: dict[str, str] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return versions


def version(optimiser: str) -> str | None:
    """The version that results of an optimiser belong to; None where it is not installed.

    Ours has one for every state of its sources, so that a change is measured anew.
    """
    entry = OPTIMISERS[optimiser]
    if optimiser == "random":
        return "1"
    if entry.package is None:
        return digest(sorted((ROOT / "tuner" / "search").glob("*.py")))
    versions = BUILD / "environments" / f"{entry.environment}.json"
    # What was kept tells of environments that may not be on this machine.
    if not versions.is_file() or not python_of(entry.environment).is_file():
        return None
    found: str | None = json.loads(versions.read_text()).get(entry.package.lower())
    return found


def digest(files: list[Path]) -> str:
    """Eight characters that change with the contents of files."""
    content = hashlib.sha256()
    for file in files:
        content.update(file.read_bytes())
    return content.hexdigest()[:8]


class OptimiserProcess:
    """An optimiser in a process of its own, in its own environment. A context: leaving it ends the process."""

    def __init__(self, name: str) -> None:
        environment = OPTIMISERS[name].environment
        python = python_of(environment)
        if not python.is_file():
            raise FileNotFoundError(
                f"{name} needs an environment: benchmarks/search/benchmark.py set-up --only {environment}"
            )
        log = BUILD / "logs" / f"{name}.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log.open("a")
        self._process = subprocess.Popen(
            [str(python), "-m", "benchmarks.search.worker", name],
            cwd=ROOT,
            env=environment_of_threads(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()

    def start(self, problem: Problem, seed: int, setting: Setting) -> None:
        """A new study; what goes wrong is said by every suggestion."""
        self._exchange(
            {
                "op": "start",
                "ranges": [range_to_json(one) for one in problem.ranges],
                "seed": seed,
                "trials": setting.trials,
                "parallel": setting.parallel,
            }
        )

    def ask(self, trial: int) -> Suggestion:
        """A suggestion, and the seconds since the last one that the optimiser worked."""
        answer = self._exchange({"op": "ask", "trial": trial})
        configuration: Mapping[str, str] | None = answer.get("configuration")
        return Suggestion(
            configuration=configuration,
            error=answer.get("error"),
            wall=answer["wall"],
            cpu=answer["cpu"],
            memory=answer["memory"],
        )

    def tell(self, trial: int, value: float | None) -> None:
        """What came of a trial."""
        self._exchange({"op": "tell", "trial": trial, "value": value})

    def add(self, trial: int, configuration: Mapping[str, str], value: float) -> None:
        """A trial that was not asked for."""
        answer = self._exchange({"op": "add", "trial": trial, "configuration": dict(configuration), "value": value})
        if "error" in answer:
            raise ChildProcessError(answer["error"])

    def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._process.wait(30)  # what it has to say comes after it has closed the pipe
            raise ChildProcessError(f"the process ended; {self._log.name} has what it said")
        answer: dict[str, Any] = json.loads(line)
        return answer
