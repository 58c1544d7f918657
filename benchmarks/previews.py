"""What the picture and the preview of a conversion cost: the same job with them and without, in turn, in one run.

    .venv/bin/python -m benchmarks.previews [--runs 5] FILE...

To STL through the worker's own Converter, the report with it. A row per file: CPU and wall seconds of the whole job
without them, the medians; and the medians of what each job with them took more than the one before it without.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from benchmarks.warm import Ours, Warm


def row(source: Path, runs: int, warm: Warm) -> str:
    plain, more = [], []
    for _ in range(runs):
        without, seen = once(source, False, warm), once(source, True, warm)
        plain.append((without.all_cpu, without.all_wall))
        more.append((seen.all_cpu - without.all_cpu, seen.all_wall - without.all_wall))
    cells = [f"{statistics.median(each):.2f}" for pairs in (plain, more) for each in zip(*pairs, strict=True)]
    return f"| {source.name} | {source.stat().st_size >> 10} kB | {' | '.join(cells)} |"


def once(source: Path, preview: bool, warm: Warm) -> Ours:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        used = warm.run(source, Path(folder) / "output.stl", preview)
    if used is None:
        raise SystemExit(f"{source.name} was not converted")
    return used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    print("| file | size | CPU without | wall without | CPU more | wall more |\n|---|---|---|---|---|---|")
    with Warm() as warm:
        for file in given.files:
            print(row(file, given.runs, warm), flush=True)


if __name__ == "__main__":
    main()
