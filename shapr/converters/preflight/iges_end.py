"""What systems leave behind the last line of an IGES file: blocks filled up with zeros or spaces, the sign with which
CP/M and DOS end a text, empty lines."""

from pathlib import Path

PADDING = b"\0\x1a \t\r\n\f"
ENDINGS = (b"\r\n", b"\n", b"\r")


def tail(path: Path, size: int) -> bytes:
    """The last bytes of a file."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        return file.read()


def unpadded(path: Path) -> Path:
    """The file itself, or a copy beside it that ends with its last line."""
    last = tail(path, 3)
    ending = next(filter(last.endswith, ENDINGS), b"")
    if last.removesuffix(ending)[-1:].strip(PADDING):
        return path
    made = path.with_name("unpadded.iges")
    made.write_bytes(path.read_bytes().rstrip(PADDING) + b"\n")
    return made
