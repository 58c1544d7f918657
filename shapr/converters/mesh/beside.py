"""The files that lie beside a source, as an archive was unpacked: each by its name, as Windows sees names."""

from pathlib import Path, PurePosixPath


class Companions:
    """Of the files in a folder and below it."""

    def __init__(self, folder: Path) -> None:
        self._home = folder.resolve()
        self._listed: dict[Path, dict[str, list[Path]]] = {}

    def find(self, name: PurePosixPath) -> Path | None:
        """The file of that name. In another case only where none has it as it is written, and only one has it so: where
        models are packed without regard to case, they name their companions without."""
        try:
            path = (self._home / name).resolve()
            if not path.is_file():
                path = self._in_any_case(name) or path
            return path if path.is_relative_to(self._home) and path.is_file() else None
        except OSError:  # too long a name, or a circle of links
            return None

    def _in_any_case(self, name: PurePosixPath) -> Path | None:
        path = self._home
        for part in name.parts:
            alike = self._below(path).get(part.casefold(), [])
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
                names.setdefault(each.name.casefold(), []).append(each)
        return self._listed[folder]
