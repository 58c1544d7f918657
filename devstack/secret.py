"""The stack's own passwords and keys: made once per data dir, readable by its owner only."""

import os
import secrets
from pathlib import Path


def secret(file: Path) -> str:
    """A random word of 32 hex digits, the same every time."""
    try:
        return file.read_text()
    except FileNotFoundError:
        word = secrets.token_hex(16)
        temporary = file.with_suffix(".new")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(word)
        temporary.rename(file)
        return word
