"""The entities of an IGES file that the kernel has read, by what the directory of its text says of them, and the shapes
that they became."""

from collections.abc import Callable, Iterator
from pathlib import Path

from OCP.IGESControl import IGESControl_Reader
from OCP.IGESData import IGESData_IGESEntity
from OCP.IGESToBRep import IGESToBRep_CurveAndSurface
from OCP.TopoDS import TopoDS_Shape

from shapr.converters.progress import Reach, along, silent

LETTER = slice(72, 73)  # of a line: the section that it is in


class Entities:
    def __init__(self, reader: IGESControl_Reader, path: Path) -> None:
        self._reader = reader
        self.model = reader.IGESModel()
        with path.open("rb") as file:
            directory = list(_directory(file))[::2]
        self._lines = directory if len(directory) == self.model.NbEntities() else None

    def of(self, fit: Callable[[bytes], bool], reach: Reach = silent) -> Iterator[IGESData_IGESEntity]:
        """Those whose first line of the directory does, or all where they have other lines than the kernel read: to ask
        each of a million what it is takes the kernel 6 s."""
        count = self.model.NbEntities()
        for at in along(range(count), count, reach):
            if self._lines is None or fit(self._lines[at]):
                yield self.model.Entity(at + 1)

    def shapes(self) -> Callable[[IGESData_IGESEntity], TopoDS_Shape | None]:
        """What each became, as it was transferred last."""
        made = IGESToBRep_CurveAndSurface()
        made.SetTransferProcess(self._reader.WS().TransferReader().TransientProcess())

        def shape(entity: IGESData_IGESEntity) -> TopoDS_Shape | None:
            found = made.GetShapeResult(entity)
            return None if found is None or found.IsNull() else found

        return shape


def _directory(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Up to the parameters, which are most of the file."""
    for line in lines:
        if line[LETTER] == b"P":
            return
        if line[LETTER] == b"D":
            yield line
