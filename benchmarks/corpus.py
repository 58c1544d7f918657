"""The corpus, whole: every file to every output, in the same way a worker does it. Prints the matrix.

    .venv/bin/python -m benchmarks.corpus ../shared/corpus [--only WORD] [--tsv benchmarks/corpus.tsv]

Whether a file is valid is not what the converter says of it: `benchmarks/corpus_invalid.tsv` names those that are not,
and outputs that a valid one cannot have, with the reason. The exit code is 1 when a valid file does not convert to one
of its outputs, an invalid one does, or a code is not in the error table. A cell is the relative difference of the
volume, or of the area where nothing encloses one, as the report has it.
"""

import argparse
import asyncio
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from shapr.conversion import Options
from shapr.converters import formats
from shapr.converters.run.converters import Converters
from shapr.converters.run.job import Job, Limits
from shapr.errors import TABLE, Refused
from shapr.settings import Settings

INVALID = Path(__file__).with_name("corpus_invalid.tsv")
COMPANIONS = (".mtl", ".bin", ".md", ".tsv", ".dae")  # no sources: parts of others, or formats that nobody asked for
OUTPUTS = ("step", "iges", "brep", "stl", "obj", "ply", "off", "glb", "3mf")


@dataclass
class Row:
    name: str
    seconds: float = 0.0
    refused: str = ""
    cells: dict[str, str] = field(default_factory=dict)  # "ok ..." or a code

    @property
    def codes(self) -> list[str]:
        return [self.refused] if self.refused else [cell for cell in self.cells.values() if not cell.startswith("ok")]


def known_invalid() -> dict[str, tuple[str, str]]:
    """By file name: the outputs that it cannot have (`*` for all) and why."""
    rows = (line.split("\t") for line in INVALID.read_text().splitlines() if line and not line.startswith("#"))
    return {name: (outputs, reason) for name, outputs, reason in rows}


async def row(converters: Converters, path: Path) -> Row:
    made = Row(path.name)
    begun = time.monotonic()
    try:
        source = formats.source_format(path.name, converters.sources)
        outputs = tuple(each for each in OUTPUTS if each in formats.pairs(converters.sources)[source])
        with tempfile.TemporaryDirectory() as folder:
            await _converted(converters, path, source, outputs, Path(folder), made)
    except Refused as refused:
        made.refused = refused.code
    made.seconds = time.monotonic() - begun
    return made


async def _converted(
    converters: Converters, path: Path, source: str, outputs: tuple[str, ...], folder: Path, made: Row
) -> None:
    (folder / "source").write_bytes(path.read_bytes())
    options = formats.effective(source, outputs, Options(), converters.sources)
    job = Job(
        source=folder / "source",
        source_format=source,
        source_name=path.name,
        outputs=tuple(options.items()),
        scratch=folder,
        limits=Limits.of(Settings()),
    )
    converted = await converters.run(job, lambda _: None)
    for each in converted.written:
        if each.error:
            made.cells[each.format] = each.error.code
            continue
        deltas = (converted.report or {})["outputs"][each.format]["deltas"]
        measure = "volume" if "volume" in deltas else "area"
        made.cells[each.format] = f"ok {100 * deltas.get(measure, 0):+.3f}%"


async def main(folder: Path, word: str, tsv: Path | None) -> int:
    warnings.simplefilter("ignore")
    invalid, rows = known_invalid(), []
    converters = Converters(Settings())
    try:
        for path in sorted(folder.iterdir()):
            if path.is_file() and path.suffix not in COMPANIONS and word in path.name:
                rows.append(await row(converters, path))
                print(line(rows[-1], "\t" if tsv is None else "  "), flush=True)
    finally:
        converters.close()
    if tsv:
        header = "\t".join(("file", *OUTPUTS))
        tsv.write_text("\n".join([header, *(line(each, "\t", timed=False) for each in rows)]) + "\n")
    wrong = [problem for each in rows for problem in problems(each, invalid)]
    print(*summary(rows, invalid), *wrong, sep="\n")
    return 1 if wrong else 0


def line(made: Row, between: str, timed: bool = True) -> str:
    cells = [made.refused] if made.refused else [made.cells.get(output, "-") for output in OUTPUTS]
    return between.join([made.name, *cells, *([f"{made.seconds:.2f} s"] if timed else [])])


def problems(made: Row, invalid: dict[str, tuple[str, str]]) -> list[str]:
    """What is wrong with this row: a valid file that failed, an invalid one that did not, a code nobody knows."""
    found = [f"{made.name}: code {code} is not in the table" for code in made.codes if code not in TABLE]
    outputs, _ = invalid.get(made.name, ("", ""))
    excused = OUTPUTS if outputs == "*" else tuple(outputs.split(","))
    if made.refused:
        if excused != OUTPUTS:
            found.append(f"{made.name}: a valid file was refused: {made.refused}")
        return found
    for output, cell in made.cells.items():
        if cell.startswith("ok") and outputs == "*":
            found.append(f"{made.name}: an invalid file was converted to {output}")
        if not cell.startswith("ok") and output not in excused:
            found.append(f"{made.name}: {output}: {cell}")
    return found


def summary(rows: list[Row], invalid: dict[str, tuple[str, str]]) -> list[str]:
    """How many of the valid files converted to each output, and the codes of the others."""
    told = [f"{len(rows)} files"]
    for output in OUTPUTS:
        cells = [
            each.cells[output] for each in rows if output in each.cells and invalid.get(each.name, ("",))[0] != "*"
        ]
        excused = sum(output in invalid[e.name][0].split(",") for e in rows if e.name in invalid and output in e.cells)
        good = sum(cell.startswith("ok") for cell in cells)
        told.append(f"  {output:5} {good} of {len(cells)} valid files" + (f", {excused} excluded" if excused else ""))
    codes = Counter(code for each in rows for code in dict.fromkeys(each.codes))
    return [*told, f"  codes: {', '.join(f'{count} {code}' for code, count in codes.most_common())}"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", metavar="WORD")
    parser.add_argument("--tsv", type=Path)
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.folder, given.only, given.tsv)))
