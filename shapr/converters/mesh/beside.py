"""The files that lie beside a source, as an archive was unpacked: each by its name, as Windows and macOS see names."""

import unicodedata
from pathlib import Path, PurePosixPath

from shapr.converters import archive


class Companions:
    """Of the files in a folder and below it; of an archive, in all that was unpacked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        above = (self._folder, *self._folder.parents)
        self._home = next((each for each in above if each.name == archive.FOLDER), self._folder)
        self._listed: dict[Path, dict[str, list[Path]]] = {}

    def find(self, name: PurePosixPath) -> Path | None:
        """The file of that name. In another case, or with accents put together in another way, only where none has it
        as it is written, and only one has it so: programs that pack models, and systems, write names anew."""
        try:
            path = (self._folder / name).resolve()
            if not path.is_file():
                path = self._alike(name) or path
            return path if path.is_relative_to(self._home) and path.is_file() else None
        except (OSError, ValueError):  # too long a name, a circle of links, or what no system can write
            return None

    def _alike(self, name: PurePosixPath) -> Path | None:
        path = self._folder
        for part in name.parts:
            if part == ".." and path != self._home:
                path = path.parent
                continue
            alike = self._below(path).get(_folded(part), [])
            exact = [each for each in alike if each.name == part] or alike
            if len(exact) != 1:
                return None
            path = exact[0]
        return path.resolve()

    def _below(self, folder: Path) -> dict[str, list[Path]]:
        """Listed once: a file may name thousands of companions."""
        if folder not in self._listed:
            names = self._listed.setdefault(folder, {})
            for each in sorted(folder.iterdir()) if folder.is_dir() else ():
                names.setdefault(_folded(each.name), []).append(each)
        return self._listed[folder]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
