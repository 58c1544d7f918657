"""The corpus, whole: every file to every output, in the same way a worker does it. Prints the matrix.

    .venv/bin/python -m benchmarks.corpus ../shared/corpus [--only WORD] [--tsv benchmarks/corpus.tsv] [--keep FOLDER]

An OBJ or glTF file that names companions beside it has a second row: both in a ZIP. Whether a file is valid is not what
the converter says of it: `benchmarks/corpus_invalid.tsv` names those that are not, and outputs that a valid one cannot
have, with the reason. The exit code is 1 when a valid file does not convert to one of its outputs, an invalid one
does, or a code is not in the error table. A cell is the relative difference of the volume, or of the area where
nothing encloses one, as the report has it; a refused file has its code in every cell.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from shapr.conversion import Options
from shapr.converters import archive, formats
from shapr.converters.run.converters import Converters
from shapr.converters.run.job import Converted, Job, Limits
from shapr.errors import TABLE, Refused
from shapr.settings import Settings

INVALID = Path(__file__).with_name("corpus_invalid.tsv")
NO_SOURCES = (".mtl", ".bin", ".md", ".tsv", ".dae")  # parts of others, or formats that nobody asked for
OUTPUTS = ("step", "iges", "brep", "stl", "obj", "ply", "off", "glb", "3mf")
AT_ONCE = os.cpu_count() or 1


@dataclass
class Row:
    name: str
    seconds: float = 0.0
    cells: dict[str, str] = field(default_factory=dict)  # "ok ..." or a code

    @property
    def codes(self) -> list[str]:
        return [cell for cell in self.cells.values() if not cell.startswith("ok")]


def known_invalid() -> dict[str, tuple[str, str]]:
    """By file name: the outputs that it cannot have (`*` for all) and why."""
    rows = (line.split("\t") for line in INVALID.read_text().splitlines() if line and not line.startswith("#"))
    return {name: (outputs, reason) for name, outputs, reason in rows}


def sources(corpus: Path, word: str, made: Path) -> Iterator[Path]:
    """The files, each followed by the ZIP of it and its companions, if it names any."""
    for path in sorted(corpus.iterdir()):
        if path.is_file() and path.suffix not in NO_SOURCES and word in path.name:
            yield path
            beside = [corpus / name for name in companions(path) if (corpus / name).is_file()]
            if beside:
                packed = made / f"{path.name}.zip"
                with zipfile.ZipFile(packed, "w") as file:
                    for each in (path, *beside):
                        file.write(each, each.name)
                yield packed


def companions(path: Path) -> list[str]:
    """The plain names of other files that a source asks for."""
    if path.suffix.lower() not in (".obj", ".gltf"):
        return []
    text = path.read_text(errors="replace")
    found = re.findall(r"^mtllib\s+(\S+)\s*$", text, re.MULTILINE)
    found += re.findall(r'"uri"\s*:\s*"([^":]+)"', text)
    return [name for name in dict.fromkeys(found) if "/" not in name]


async def row(converters: Converters, path: Path, keep: Path | None) -> Row:
    made = Row(path.name)
    begun = time.monotonic()
    try:
        name = path.name.removesuffix(archive.SUFFIX)
        source = formats.source_format(name, converters.sources)
        outputs = tuple(each for each in OUTPUTS if each in formats.pairs(converters.sources)[source])
        with tempfile.TemporaryDirectory() as folder:
            converted = await _converted(converters, path, source, outputs, Path(folder), made)
            if keep:
                _kept(converted, path.name, keep)
    except Refused as refused:
        made.cells = dict.fromkeys(OUTPUTS, refused.code)
    made.seconds = time.monotonic() - begun
    return made


async def _converted(
    converters: Converters, path: Path, source: str, outputs: tuple[str, ...], folder: Path, made: Row
) -> Converted:
    shutil.copyfile(path, folder / "source")
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
    return converted


def _kept(converted: Converted, name: str, keep: Path) -> None:
    """The outputs and the report of one source, for a look by hand."""
    folder = keep / name
    folder.mkdir(parents=True, exist_ok=True)
    errors = {each.format: each.error.model_dump() for each in converted.written if each.error}
    (folder / "report.json").write_text(json.dumps({"report": converted.report, "errors": errors}, indent=1))
    for each in converted.written:
        if each.path:
            shutil.copyfile(each.path, folder / f"output.{each.format}")


async def main(corpus: Path, word: str, tsv: Path | None, keep: Path | None) -> int:
    warnings.simplefilter("ignore")
    invalid = known_invalid()
    converters = Converters(Settings())
    turn = asyncio.Semaphore(AT_ONCE)

    async def told(path: Path) -> Row:
        async with turn:
            made = await row(converters, path, keep)
        print(line(made), flush=True)
        return made

    try:
        with tempfile.TemporaryDirectory() as folder:
            rows = await asyncio.gather(*(told(path) for path in sources(corpus, word, Path(folder))))
    finally:
        converters.close()
    if tsv:
        header = "\t".join(("file", *OUTPUTS))
        tsv.write_text("\n".join([header, *(line(each, timed=False) for each in rows)]) + "\n")
    wrong = [problem for each in rows for problem in problems(each, invalid)]
    print(*summary(rows, invalid), *wrong, sep="\n")
    return 1 if wrong else 0


def line(made: Row, timed: bool = True) -> str:
    cells = [made.cells.get(output, "-") for output in OUTPUTS]
    return "\t".join([made.name, *cells, *([f"{made.seconds:.2f} s"] if timed else [])])


def problems(made: Row, invalid: dict[str, tuple[str, str]]) -> Iterator[str]:
    """What is wrong with this row: a valid file that failed, an invalid one that did not, a code nobody knows."""
    excused = excluded(made.name, invalid)
    for code in dict.fromkeys(made.codes):
        if code not in TABLE:
            yield f"{made.name}: code {code} is not in the table"
    for output, cell in made.cells.items():
        if cell.startswith("ok") and output in excused:
            yield f"{made.name}: was converted to {output}, and should not"
        if not cell.startswith("ok") and output not in excused:
            yield f"{made.name}: was not converted to {output}: {cell}"


def excluded(name: str, invalid: dict[str, tuple[str, str]]) -> tuple[str, ...]:
    outputs, _ = invalid.get(name, ("", ""))
    return OUTPUTS if outputs == "*" else tuple(outputs.split(","))


def summary(rows: list[Row], invalid: dict[str, tuple[str, str]]) -> Iterator[str]:
    """How many of the valid files converted to each output, and the codes of the others."""
    valid = [each for each in rows if excluded(each.name, invalid) != OUTPUTS]
    yield f"{len(rows)} files, {len(rows) - len(valid)} of them invalid"
    for output in OUTPUTS:
        due = [each.cells.get(output, "-") for each in valid if output not in excluded(each.name, invalid)]
        good = sum(cell.startswith("ok") for cell in due)
        yield f"  {output:5} {good} of {len(due)} valid files, {len(valid) - len(due)} excluded"
    codes = Counter(code for each in rows for code in dict.fromkeys(each.codes))
    yield f"  codes: {', '.join(f'{count} {code}' for code, count in codes.most_common())}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--only", default="", metavar="WORD")
    parser.add_argument("--tsv", type=Path)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.corpus, given.only, given.tsv, given.keep)))
