"""The parts at the top of a STEP file, read without asking where the file places them."""

from collections.abc import Iterator
from contextlib import contextmanager

from OCP.Interface import Interface_Static
from OCP.STEPControl import STEPControl_Controller

PLACED = "read.step.root.transformation"


@contextmanager
def unplaced() -> Iterator[None]:
    """Within, a reader of STEP takes parts at the top to stand where their geometry is, as they do in what we make of a
    mesh. Our writer gives all of them one placement, at the origin, and for each part the reader goes through all that
    share it: of 12,000 parts that took more than all else."""
    STEPControl_Controller.Init_s()  # it makes the setting
    before = Interface_Static.CVal_s(PLACED)
    Interface_Static.SetCVal_s(PLACED, "OFF")
    try:
        yield
    finally:
        Interface_Static.SetCVal_s(PLACED, before)
