"""What of an IGES file the kernel's reader makes nothing of, counted."""

from collections import Counter
from collections.abc import Iterator

from OCP.IGESBasic import IGESBasic_Group, IGESBasic_SubfigureDef
from OCP.IGESControl import IGESControl_Reader
from OCP.IGESData import IGESData_IGESEntity

from shapr.converters.brep import unread

FACES = frozenset({143, 144, 510})
SURFACES = frozenset({108, 114, 118, 120, 122, 128, 140, 190, 192, 194, 196, 198})
CURVES = frozenset({100, 102, 104, 106, 110, 112, 126, 130})
BODIES = frozenset({150, 152, 154, 156, 158, 160, 162, 164, 168, 180, 182, 184, 186, 430})
BOUNDARIES = frozenset({141, 142, 508})
ALONE = SURFACES | CURVES  # a face or a curve of its own where it is no part of something else
HOLDERS = (402, 408, 308)
KINDS = FACES | ALONE | BODIES | {*HOLDERS, 514}


def sentences(reader: IGESControl_Reader, nothing: list[IGESData_IGESEntity]) -> Iterator[str]:
    """`nothing`: entities of these kinds that became no shape."""
    model = reader.IGESModel()
    lost: Counter[str] = Counter()
    top = _top(reader) if any(entity.TypeNumber() in ALONE for entity in nothing) else set()
    for entity in nothing:
        kind = entity.TypeNumber()
        if kind in FACES or (kind in SURFACES and model.DNum(entity) in top):
            lost["face"] += 1
        elif kind in BODIES:
            lost["body"] += 1
        elif kind in CURVES and model.DNum(entity) in top:
            lost["curve"] += 1
    numbers = unread.failed(reader.WS().TransferReader().TransientProcess())
    lost[unread.BOUNDARY] = unread.boundaries(model, numbers, lambda entity: entity.TypeNumber() in BOUNDARIES)
    return unread.sentences(lost)


def _top(reader: IGESControl_Reader) -> set[int]:
    """Where in the directory the entities are that no others are made of, but groups."""
    model = reader.IGESModel()
    entities = [reader.RootForTransfer(at) for at in range(1, reader.NbRootsForTransfer() + 1)]
    for at in range(1, model.NbEntities() + 1):
        holder = model.Entity(at)
        if isinstance(holder, IGESBasic_Group):
            entities += [holder.Entity(inner) for inner in range(1, holder.NbEntities() + 1)]
        elif isinstance(holder, IGESBasic_SubfigureDef):
            entities += [holder.AssociatedEntity(inner) for inner in range(1, holder.NbEntities() + 1)]
    return {model.DNum(entity) for entity in entities if entity is not None}
