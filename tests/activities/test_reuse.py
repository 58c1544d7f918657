"""The report of a conversion whose outputs are reused, in part or all."""

from typing import Any

from activities import reuse
from shapr.conversion import Alike, Output

STL = {"triangles": 12}
GLB = {"triangles": 12, "units": "m"}


def there(**reports: dict[str, Any] | None) -> dict[str, tuple[Output, Alike]]:
    made = {name: Output(format=name, state="completed", reused=True) for name in reports}
    return {name: (output, Alike(id="cnv_1", output=output, report=reports[name])) for name, output in made.items()}


def test_an_output_that_is_reused_brings_its_section_along() -> None:
    before = {"converter": "built-in", "source": {"bodies": 1}, "outputs": {"stl": STL, "obj": {}}, "losses": []}
    now = {"converter": "built-in", "source": {"bodies": 1}, "outputs": {"glb": GLB}, "losses": ["a texture"]}
    told = reuse.report(there(stl=before), now)
    assert told == now | {"outputs": {"stl": STL, "glb": GLB}}


def test_all_of_it_reused_reports_what_was_asked_for_and_no_more() -> None:
    before = {"converter": "built-in", "source": {}, "outputs": {"stl": STL, "obj": {}}, "losses": []}
    assert reuse.report(there(stl=before), None) == before | {"outputs": {"stl": STL}}


def test_reports_of_programs_and_none_stay_as_they_are() -> None:
    assert reuse.report(there(stl={"converter": "external"}), None) == {"converter": "external"}
    assert reuse.report(there(stl=None), None) is None
    assert reuse.report({}, {"converter": "stub", "stub": True}) == {"converter": "stub", "stub": True}
