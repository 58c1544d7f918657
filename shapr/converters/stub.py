"""The contract stub: a converter that converts nothing. `python -m shapr.converters.stub INPUT FORMAT OUTPUT`

It follows the converter contract (docs/converters.md) to the letter, so that everything around a converter can be
tried without one. What it writes says what it is. A source with `fail` in its name fails at 60 %. It imports nothing
of ours: it is as foreign to the service as a vendor's program.
"""

import hashlib
import sys
import time
from pathlib import Path

SECONDS = 2.0
FAILS_AT = 60  # percent


def main(source: Path, format: str, output: Path) -> int:
    for percent in range(0, 101, 10):
        print(f"progress: {percent}%", flush=True)  # noqa: T201 - the contract
        if percent >= FAILS_AT and "fail" in source.name.lower():
            print(f"the stub fails at {percent} %, as the name of the source asks", file=sys.stderr)  # noqa: T201
            return 1
        time.sleep(SECONDS / 11)
    output.write_text(result(source, format))
    return 0


def result(source: Path, format: str) -> str:
    with source.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return f"STUB RESULT. Nothing was converted: this is no {format.upper()} file.\nsource sha256: {sha256}\n"


if __name__ == "__main__":
    if len(sys.argv) != 4:
        print("usage: python -m shapr.converters.stub INPUT FORMAT OUTPUT", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    try:
        sys.exit(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
    except OSError as error:
        sys.exit(f"the stub failed: {error}")
