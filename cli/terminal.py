"""What a person reads, and what a program reads: tables and sentences, or one JSON document.

Answers go to stdout; progress and complaints go to stderr. Names of files and texts of the service are shown as
text: they hold whatever somebody put there, so nothing in them is markup or moves the cursor.
"""

import json
import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from shapr.answers import ApiError, ErrorAnswer
from shapr.errors import TABLE

PIPED = 1000  # columns of a table that goes to a file or a pipe: what it holds stays on one line
NARROWEST = 120  # columns of a table: a smaller terminal breaks its lines, which is easier to read than broken words
ADVICE = {
    "unreachable": "Start the service with `make up`, or set --url or SHAPR_URL. `shapr doctor` knows more.",
    "not_the_api": "Check --url or SHAPR_URL; `shapr doctor` tells who holds the port.",
    "damaged_download": "Try again; the file that was there before is untouched.",
    "unreadable_file": "Give a regular file that you may read.",
    "unwritable_output": "Choose another folder with -o, or make room.",
    "gone": "Convert it again; in a batch, under another --batch name.",
    "cancelled": "Somebody cancelled it; `shapr retry` runs it again.",
}


def stdout() -> Console:
    return _console(sys.stdout.isatty(), stderr=False)


def stderr() -> Console:
    return _console(sys.stderr.isatty(), stderr=True)


def _console(terminal: bool, stderr: bool) -> Console:
    return Console(stderr=stderr, width=None if terminal else PIPED, markup=False, emoji=False, highlight=False)


def plain(text: object) -> str:
    """The text, with everything written out that is no visible character: controls, overrides, bytes of no encoding."""
    return "".join(c if c.isprintable() else _written_out(c) for c in str(text))


def _written_out(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def table(*columns: str, title: str | None = None) -> Table:
    made = Table(box=box.SIMPLE_HEAD, title=title and plain(title), title_justify="left", pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column == "id")  # an id is there to be copied
    return made


def row(to: Table, *cells: object) -> None:
    to.add_row(*("" if cell is None else plain(cell) for cell in cells))


def print_table(made: Table) -> None:
    console = stdout()
    console.print(made, width=max(console.width, NARROWEST), crop=False)


def tell(*sentences: object) -> None:
    """To stdout, one line each: part of the answer."""
    console = stdout()
    for sentence in sentences:
        console.print(plain(sentence), soft_wrap=True)


def say(*sentences: object) -> None:
    """To stderr, one line each."""
    console = stderr()
    for sentence in sentences:
        console.print(plain(sentence), soft_wrap=True)


def print_json(document: object) -> None:
    """ASCII, so that neither the terminal's encoding nor a strange file name can break it."""
    print(json.dumps(document, indent=2))


def complain(error: ApiError | ErrorAnswer, about: object = None) -> None:
    """Why it did not work, and what to do about it."""
    detail = f": {error.detail}" if error.detail else ""
    say(f"{f'{about}: ' if about is not None else ''}{error.code}: {error.title}{detail}", *_advice(error.code))


def _advice(code: str) -> Sequence[str]:
    advice = ADVICE.get(code) or (TABLE[code].caller if code in TABLE else None)
    return [f"  {advice}"] if advice else []


def told(error: ApiError) -> ErrorAnswer:
    """The failure as the service tells those of conversions."""
    return ErrorAnswer(code=error.code, title=error.title, detail=error.detail, retryable=error.retryable)
