"""Our warm converter beside other programs that convert STEP to STL and to GLB, at the same deflection, in one run.

    .venv/bin/python -m benchmarks.converters [--runs 3] [--solids 250] FILE... [--without gmsh]

`--solids` adds a STEP file of so many brackets, 60 kB each.

Ours: from the job handed to the worker's Converter until its output is complete in the scratch dir, with the zygote,
the fence, the preflight; CPU is the child's until then, and all that the worker and the zygote spend on the job. The
report, which opens the output again, comes after it: what all of the job takes is in a column of its own. The others:
whole processes. CPU is user and system with children, memory the peak of the largest process as the system counts it
(`ru_maxrss`). Runs are interleaved; medians are printed, and whether each bar holds.

The others are looked for, and reported as missing where they are not: DRAWEXE and FreeCADCmd of Debian (`apt-get
install occt-draw freecad-python3`), gmsh and cascadio of PyPI in an environment of their own, as gmsh is GPL
(`python3 -m venv /tmp/bench-venv && /tmp/bench-venv/bin/pip install gmsh cascadio numpy`; `BENCH_VENV` names another).
"""

import argparse
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import rivals
from benchmarks.rivals import Used
from benchmarks.warm import Ours, Warm

SMALL = 1 << 20  # bytes: up to here wall time has a bar
CPU_BAR, WALL_BAR, MEMORY_BAR = 1.1, 0.5, 1.3
OURS, BARE = "ours", "bare OCP"


def triangles(path: Path) -> int:
    """Of a binary STL or a GLB, instances counted."""
    content = path.read_bytes()
    if path.suffix == ".stl":
        return int(struct.unpack_from("<I", content, 80)[0])
    model = json.loads(content[20 : 20 + struct.unpack_from("<I", content, 12)[0]])
    each = [
        sum(model["accessors"][primitive["indices"]]["count"] // 3 for primitive in mesh["primitives"])
        for mesh in model["meshes"]
    ]
    return sum(each[node["mesh"]] for node in model["nodes"] if "mesh" in node)


def compare(source: Path, format: str, given: argparse.Namespace, warm: Warm) -> list[str]:
    """The row of the table for one pair."""
    others = [each for each in rivals.all_of_them() if each.command and format in each.scripts]
    others = [each for each in others if each.name not in given.without]
    measured: dict[str, list[Used]] = {OURS: [], **{each.name: [] for each in others}}
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        copy = Path(shutil.copy(source, Path(folder) / "source.step"))
        for _ in range(given.runs):
            for name, program in ((OURS, warm), *((each.name, each) for each in others)):
                output = Path(folder) / f"out.{format}"
                output.unlink(missing_ok=True)
                if (used := program.run(copy, output)) is not None:
                    measured[name].append(used)
                    counts[name] = triangles(output)
    return rows(source, format, measured, counts)


def rows(source: Path, format: str, measured: dict[str, list[Used]], counts: dict[str, int]) -> list[str]:
    if not measured[OURS]:
        raise SystemExit(f"{source.name} to {format}: ours wrote nothing")
    medians = {name: median(used) for name, used in measured.items() if used}
    whole = [(used.all_cpu, used.all_wall) for used in measured[OURS] if isinstance(used, Ours)]
    with_report = " ".join(f"{statistics.median(values):.2f}" for values in zip(*whole, strict=True))
    ours, competing = medians[OURS], [used for name, used in medians.items() if name not in (OURS, BARE)]
    cells = [f"{source.stem[:24]} {source.stat().st_size / 1e6:.2f} MB", format.upper()]
    for name in (OURS, *(each.name for each in rivals.all_of_them())):
        used = medians.get(name)
        cells.append(f"{used.cpu:.2f} {used.wall:.2f} {used.memory:.0f} ({counts[name]})" if used else "-")
    cpu = ours.cpu / min((used.cpu for used in competing), default=ours.cpu)
    wall = ours.wall / min((used.wall for used in competing), default=ours.wall)
    memory = ours.memory / medians[BARE].memory
    small = source.stat().st_size < SMALL
    broken = [
        what
        for what, holds in (
            ("CPU", cpu <= CPU_BAR),
            ("wall", wall <= WALL_BAR or not small),
            ("memory", memory <= MEMORY_BAR),
        )
        if not holds
    ]
    cells.insert(3, with_report)
    cells += [f"{cpu:.2f}", f"{wall:.2f}", f"{memory:.2f}", ", ".join(broken) + " broken" if broken else "hold"]
    return ["| " + " | ".join(cells) + " |"]


def median(used: list[Used]) -> Used:
    each = zip(*((one.cpu, one.wall, one.memory) for one in used), strict=True)
    return Used(*map(statistics.median, each))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--without", nargs="*", default=(), help="programs that are left out")
    parser.add_argument("--solids", type=int, default=0)
    given = parser.parse_args()
    names = [each.name for each in rivals.all_of_them()]
    for each in rivals.all_of_them():
        if not each.command:
            print(f"{each.name} is not on this machine: not compared")
    print("Each: CPU s, wall s, peak MB (triangles); with the report: CPU s, wall s\n")
    print("| " + " | ".join(["file", "to", OURS, "with the report", *names, "CPU", "wall", "memory", "bars"]) + " |")
    print("|" + "---|" * (len(names) + 8))
    with Warm() as warm, tempfile.TemporaryDirectory(prefix="bench-") as made:
        if given.solids:  # by a process of its own: this one stays small, and what it starts too
            path = Path(made) / "brackets.step"
            program = f"from benchmarks import big; big.solids(big.Path({str(path)!r}), {given.solids})"
            subprocess.run((sys.executable, "-c", program), check=True)
            given.files.append(path)
        for source in given.files:
            for format in ("stl", "glb"):
                print(*compare(source, format, given, warm), sep="\n", flush=True)
        print(f"\nLoad of the machine at the end: {os.getloadavg()[1]:.1f} on {os.cpu_count()} processors", flush=True)


if __name__ == "__main__":
    main()
