"""Faces that share edges, put together into shells in time that grows with their number.

The kernel's sewing ends by doing so too (BRepTools_Quilt), but whenever two shells meet it looks at every edge of both
again: 200 s for 27,000 faces of one surface. This joins them in its order, so the shells are the same to the last face.
"""

from collections.abc import Sequence

from OCP.BRep import BRep_Builder
from OCP.TopAbs import TopAbs_Orientation, TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS_Shape, TopoDS_Shell

from shapr.converters.brep import document
from shapr.converters.progress import Reach, along, silent, within

FORWARD, REVERSED = TopAbs_Orientation.TopAbs_FORWARD, TopAbs_Orientation.TopAbs_REVERSED
WAY = {FORWARD: 1, REVERSED: -1}  # 0 is that of an edge within a face, which says nothing of the face's side


def quilted(faces: Sequence[TopoDS_Shape], reach: Reach = silent) -> list[TopoDS_Shape]:
    """A shell for those that hang together by their edges, first come first; a face by itself is left a face.

    The first face of a shell stays as it is, others are turned to agree with it. An edge joins two faces; where more
    have it, the first two, then the next two.
    """
    joined = Joined(faces)
    for number in along(range(len(faces)), len(faces), within(reach, 0.0, 0.7)):
        joined.add(number)
    reach(0.7)
    return joined.shells()


class Joined:
    """Faces in groups, by their numbers: each knows another of its group, and how it is turned against that one.

    Who knows none but itself is the group's root, by which it is called.
    """

    def __init__(self, faces: Sequence[TopoDS_Shape]) -> None:
        self.faces = faces
        self.own = [-1 if face.Orientation() == REVERSED else 1 for face in faces]
        self.known = list(range(len(faces)))
        self.turned = [1] * len(faces)
        self.members = {number: [number] for number in self.known}
        self.open: dict[int, tuple[int, int]] = {}  # edges that one face has, with the face and the edge's way in it
        self.twisted: set[int] = set()  # groups that have no two sides

    def add(self, number: int) -> None:
        for edge in document.explore(self.faces[number].Oriented(FORWARD), TopAbs_ShapeEnum.TopAbs_EDGE):
            way = WAY.get(edge.Orientation(), 0)
            before = self.open.pop(hash(edge), None)
            if before is None:
                self.open[hash(edge)] = number, way
            else:
                self._join((number, way), before)

    def _join(self, here: tuple[int, int], there: tuple[int, int]) -> None:
        """Two faces and the way that their edge goes in each. It goes to and fro where they agree."""
        (group, way), (other, back) = (self._find(number) for number, _ in (here, there))
        same = here[1] * way * self.own[here[0]] * there[1] * back * self.own[there[0]] > 0
        if group == other:
            if same:
                self.twisted.add(group)
            return
        if self.members[group] == [here[0]]:  # it is new: all else comes to it from now on
            group, other = other, group
        self.known[other], self.turned[other] = group, -1 if same else 1
        self.members[group] += self.members.pop(other)

    def _find(self, number: int) -> tuple[int, int]:
        """A face's group and how it is turned there. Makes the way to the root short."""
        way = []
        while self.known[number] != number:
            way.append(number)
            number = self.known[number]
        turn = 1
        for each in reversed(way):
            turn *= self.turned[each]
            self.known[each], self.turned[each] = number, turn
        return number, turn

    def shells(self) -> list[TopoDS_Shape]:
        builder = BRep_Builder()
        bounded = {self._find(number)[0] for number, _ in self.open.values()}
        made: list[TopoDS_Shape] = []
        for group, members in self.members.items():
            faces = [self._turned(number) for number in members]
            if len(faces) == 1:
                made += faces
                continue
            shell = TopoDS_Shell()
            builder.MakeShell(shell)
            for face in faces:
                builder.Add(shell, face)
            shell.Closed(group not in bounded)
            shell.Orientable(group not in self.twisted)
            made.append(shell)
        return made

    def _turned(self, number: int) -> TopoDS_Shape:
        return self.faces[number].Oriented(FORWARD if self.own[number] * self._find(number)[1] > 0 else REVERSED)
