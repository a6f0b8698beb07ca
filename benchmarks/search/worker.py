"""The process of one optimiser: reads one request a line from stdin, writes one answer a line to stdout.

    python -m benchmarks.search.worker NAME

    {"op": "start", "ranges": [...], "seed": 1, "trials": 30, "parallel": 2}   a new study
    {"op": "ask", "trial": 1}                  -> {"configuration": {...}, "wall": s, "cpu": s, "memory": MiB at most}
    {"op": "tell", "trial": 1, "value": 0.5}   null for a failure
    {"op": "add", "trial": 2, "configuration": {...}, "value": 0.5}   a trial that was not asked for

Libraries do their work when they are asked, or when they are told: the seconds of an answer are those since the last
answer. What else a library prints goes to stderr.
"""

import importlib
import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from benchmarks.search.catalogue import OPTIMISERS
from benchmarks.search.optimisers.study import Optimiser, Study
from contracts.ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRange,
    ScalingType,
)


def main() -> None:
    """Answer until stdin ends."""
    warnings.simplefilter("ignore")
    name = sys.argv[1]
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        module = importlib.import_module(f"benchmarks.search.optimisers.{OPTIMISERS[name].module}")
        optimiser: Optimiser | None = None
        wall = cpu = 0.0
        for line in sys.stdin:
            request = json.loads(line)
            begin, begin_cpu = time.perf_counter(), time.process_time()
            answer: dict[str, Any] = {}
            try:
                if request["op"] == "start":
                    optimiser, wall, cpu = None, 0.0, 0.0
                    optimiser = module.make(name, _study(request))
                elif optimiser is None:
                    answer["error"] = "the study could not be started"
                elif request["op"] == "ask":
                    answer["configuration"] = dict(optimiser.ask(request["trial"]))
                elif request["op"] == "add":
                    optimiser.add(request["trial"], request["configuration"], request["value"])
                else:
                    optimiser.tell(request["trial"], request["value"])
            except Exception as error:  # noqa: BLE001 - a peer's bug is a result, and must not end the benchmark
                answer["error"] = f"{type(error).__name__}: {error}"[:500]
            wall, cpu = wall + time.perf_counter() - begin, cpu + time.process_time() - begin_cpu
            if request["op"] == "ask":
                memory = most_memory()
                answer |= {"wall": round(wall, 5), "cpu": round(cpu, 5), "memory": round(memory, 1)}
                wall = cpu = 0.0
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


def most_memory() -> float:
    """The most memory of this process so far, in MiB. Not `ru_maxrss`, which begins with that of the parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def _study(request: dict[str, Any]) -> Study:
    return Study(
        ranges=tuple(range_from_json(one) for one in request["ranges"]),
        seed=request["seed"],
        trials=request["trials"],
        parallel=request["parallel"],
    )


def range_to_json(parameter: ParameterRange) -> dict[str, Any]:
    """A range for the other side of the pipe; unlike a request, with the order of mixed kinds kept."""
    if isinstance(parameter, CategoricalParameterRange):
        return {"name": parameter.name, "values": list(parameter.values)}
    return {
        "name": parameter.name,
        "whole": isinstance(parameter, IntegerParameterRange),
        "bounds": [parameter.min_value, parameter.max_value],
        "scaling": parameter.scaling_type.value,
    }


def range_from_json(entry: dict[str, Any]) -> ParameterRange:
    """What `range_to_json` wrote."""
    if "values" in entry:
        return CategoricalParameterRange(name=entry["name"], values=tuple(entry["values"]))
    low, high = entry["bounds"]
    scaling = ScalingType(entry["scaling"])
    if entry["whole"]:
        return IntegerParameterRange(name=entry["name"], min_value=low, max_value=high, scaling_type=scaling)
    return ContinuousParameterRange(name=entry["name"], min_value=low, max_value=high, scaling_type=scaling)


if __name__ == "__main__":
    main()
