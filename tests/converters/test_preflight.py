"""What is refused before the kernel sees it, and that sound files are not."""

import shutil
from pathlib import Path

import pytest

from benchmarks.hostile import brep as brep_files
from benchmarks.hostile import iges as iges_files
from benchmarks.hostile import step as step_files
from benchmarks.hostile.iges import iges
from benchmarks.hostile.part21 import CONTEXT, assembly, document, leaf, mapped, part21, product, reference
from shapr.converters import preflight
from shapr.converters.brep import measure, step
from shapr.converters.preflight import graph
from shapr.converters.preflight import iges as iges_look
from shapr.converters.preflight.references import LOSS, without_references
from shapr.converters.progress import silent
from shapr.errors import Refused
from tests.converters.kit import SAMPLES

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
BRACKET = (SAMPLES / "bracket.step").read_text()


def looked(tmp_path: Path, format: str, content: str | bytes) -> tuple[str, ...]:
    path = tmp_path / "source"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return preflight.check(format, path)


def code(tmp_path: Path, format: str, content: str | bytes) -> str:
    with pytest.raises(Refused) as refused:
        looked(tmp_path, format, content)
    return refused.value.code


@pytest.mark.parametrize("name", ["bracket.step", "assembly.step", "bracket.iges"])
def test_samples_pass_without_a_loss(name: str) -> None:
    assert preflight.check(Path(name).suffix[1:], SAMPLES / name) == ()


def test_a_look_at_step_tells_how_far_it_is() -> None:
    told: list[float] = []
    preflight.check("step", SAMPLES / "bracket.step", told.append)
    assert told == sorted(told)
    assert len(set(told)) >= 15
    assert 0 < told[0] < 0.1
    assert len({each for each in told if 0.9 < each <= 1}) == 2, "what is said anew takes seconds of a large file too"


def test_a_look_at_iges_tells_how_far_it_is_to_its_end(tmp_path: Path) -> None:
    """Of many arcs, each placed by a matrix, which are looked at one by one."""
    matrix, arc = "1.,0.,0.,0.,0.,1.,0.,0.,0.,0.,1.,0.", "0.,0.,0.,1.,0.,0.,1."
    lines = iges([(124, 0, matrix), (100, 0, arc)] * 40).splitlines()
    for at, line in enumerate(lines):
        if line[72:73] == "D" and line.startswith("     100") and int(line[73:]) % 2:
            lines[at] = f"{line[:48]}{int(line[73:]) - 2:8}{line[56:]}"
    source = tmp_path / "places.iges"
    source.write_text("\n".join(lines))
    told: list[float] = []
    iges_look.check(source, told.append)
    assert (told, told[-1]) == (sorted(told), 1.0)
    assert len({each for each in told if 0.8 < each < 0.93}) >= 40


def test_both_forms_of_brep_pass(tmp_path: Path) -> None:
    for content in brep_files.cylinder():
        assert looked(tmp_path, "brep", content) == ()


@pytest.mark.parametrize("format", ["iges", "brep"])
def test_the_look_says_how_far_it_is(tmp_path: Path, format: str) -> None:
    path = SAMPLES / "bracket.iges"
    if format == "brep":
        path = tmp_path / "cylinder.brep"
        path.write_text(str(next(iter(brep_files.cylinder()))))
    reached: list[float] = []
    preflight.check(format, path, reached.append)
    assert len(reached) > 10
    assert reached == sorted(reached)
    assert 0.8 < reached[-1] <= 1.0


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus beside this checkout")
def test_no_sound_file_of_the_corpus_is_refused(tmp_path: Path) -> None:
    for path in sorted(CORPUS.iterdir()):
        format = {".step": "step", ".stp": "step", ".igs": "iges", ".iges": "iges", ".brep": "brep"}.get(
            path.suffix.lower()
        )
        if format and not path.name.startswith("bad_") and "hostile" not in path.name:
            preflight.check(format, Path(shutil.copy(path, tmp_path)))  # it may leave a copy beside


def test_step_that_refers_to_itself_is_refused_however_indirectly(tmp_path: Path) -> None:
    edge = BRACKET.replace("#20 = ORIENTED_EDGE('',*,*,#21", "#20 = ORIENTED_EDGE('',*,*,#20")
    hidden = (
        BRACKET.replace("#20 = ORIENTED_EDGE('',*,*,#21", "#20/**/=ORIENTED_EDGE('',*,*,/*#21*/#55")
        .replace("#55 = ORIENTED_EDGE('',*,*,#56", "#55 =\n(ORIENTED_EDGE('',*,*,#20")
        .replace("#20,.F.);", "#20,.F.));", 1)
    )
    assert edge != BRACKET and hidden != BRACKET
    for loop in (edge, hidden, assembly(3, 1, cyclic=True), mapped(3, 1, cyclic=True)):
        assert code(tmp_path, "step", loop) == "corrupt_file"


def test_a_density_that_holds_itself_is_no_circle_of_shapes(tmp_path: Path) -> None:
    """As Datakit has written it, a number being wrong: the kernel takes no representation for an item of one."""
    density = "#9000=REPRESENTATION('density',(#9000),#9001);\n#9001=REPRESENTATION_CONTEXT('','');\n"
    said = BRACKET.replace("ENDSEC;\nEND-ISO", f"{density}ENDSEC;\nEND-ISO")
    assert looked(tmp_path, "step", said) == ()
    before, after = (
        measure.measured(step.read(path), silent) for path in (SAMPLES / "bracket.step", tmp_path / "source")
    )
    assert after == before
    for circle in (said.replace("=REPR", "=SHAPE_REPR"), said.replace("CONTEXT('',''", "CONTEXT('',#9000")):
        assert circle != said and code(tmp_path, "step", circle) == "corrupt_file"


def test_step_bombs_are_counted_not_expanded(tmp_path: Path) -> None:
    for bomb in (assembly(31, 2), assembly(9, 10), mapped(30, 2)):
        assert code(tmp_path, "step", bomb) == "decompression_bomb"
    for modest in (assembly(10, 2), mapped(10, 2)):
        assert looked(tmp_path, "step", modest) == ()


def test_curves_made_of_curves_are_counted(tmp_path: Path) -> None:
    def doubled(levels: int) -> str:
        curves = "".join(
            f"#{at}=COMPOSITE_CURVE('',(#{at + 1},#{at + 2}),.F.);\n"
            f"#{at + 1}=COMPOSITE_CURVE_SEGMENT(.CONTINUOUS.,.T.,#{at + 3});\n"
            f"#{at + 2}=COMPOSITE_CURVE_SEGMENT(.CONTINUOUS.,.T.,#{at + 3});\n"
            for at in range(90_000, 90_000 + 3 * levels, 3)
        )
        return BRACKET.replace("DATA;", f"DATA;\n{curves}", 1)

    assert looked(tmp_path, "step", doubled(10)) == ()
    assert code(tmp_path, "step", doubled(35)) == "decompression_bomb"


def test_step_towers_are_refused(tmp_path: Path) -> None:
    nested = part21(f"#1=A({'(' * 100_000}{')' * 100_000});\n")
    for tower in (assembly(5000, 1), mapped(5000, 1), nested):
        assert code(tmp_path, "step", tower) == "limit_exceeded"


def test_step_with_very_many_lists_in_what_the_kernel_does_not_know_is_refused(tmp_path: Path) -> None:
    """100,000 take it half a minute."""
    many = ",".join(["(1.)"] * 20_001)
    for unknown in (f"#1=A({many});\n", f"#1=A('',({many}));\n", f"#1=A(({many.replace('(', 'LENGTH_MEASURE(')}));\n"):
        assert code(tmp_path, "step", BRACKET.replace("DATA;", f"DATA;\n{unknown.replace('#1=', '#99999=')}")) == (
            "limit_exceeded"
        )
    points = ",".join(["(0.,0.,0.)"] * 20_001)
    known = f"#99999=COORDINATES_LIST('',20001,({points}));\n"
    others = "".join(f"#{number}=A(1.);\n" for number in range(100_000, 120_001))
    assert looked(tmp_path, "step", BRACKET.replace("DATA;", f"DATA;\n{known}{others}")) == ()


def test_step_that_repeats_one_reference_for_ever_is_refused(tmp_path: Path) -> None:
    points = "".join(f"#{number}=CARTESIAN_POINT('',(0.,0.,0.));\n" for number in range(100_000, 112_000))

    def line(*numbers: int) -> str:
        return BRACKET.replace(
            "DATA;", f"DATA;\n{points}#99999=POLYLINE('',({','.join(f'#{n}' for n in numbers)}));", 1
        )

    assert code(tmp_path, "step", line(*[100_000] * 12_000)) == "limit_exceeded"
    assert looked(tmp_path, "step", line(*range(100_000, 112_000))) == ()


def test_a_bound_of_thousands_of_faces_is_refused(tmp_path: Path) -> None:
    def faces(count: int) -> str:
        more = "".join(f"#{at}=ADVANCED_FACE('',(#18),#32,.T.);\n" for at in range(90_000, 90_000 + count))
        return BRACKET.replace("DATA;", f"DATA;\n{more}", 1)

    assert looked(tmp_path, "step", faces(500)) == ()
    assert code(tmp_path, "step", faces(1500)) == "limit_exceeded"


def test_a_header_of_thousands_of_entities_is_refused(tmp_path: Path) -> None:
    """The kernel takes a minute for 100,000."""
    sound = (SAMPLES / "bracket.step").read_text()
    assert code(tmp_path, "step", sound.replace("HEADER;", "HEADER;" + "X(1);" * 1001)) == "limit_exceeded"
    assert looked(tmp_path, "step", sound.replace("HEADER;", "HEADER;" + "X(1);" * 900)) == ()


def test_words_in_strings_and_comments_mean_nothing(tmp_path: Path) -> None:
    said = "((( #20=ORIENTED_EDGE(''x'',*,*,#20); DOCUMENT_FILE(''a.step'') /* END 1E999"
    assert looked(tmp_path, "step", BRACKET.replace("'Bracket'", f"'{said}'", 1)) == ()
    assert looked(tmp_path, "step", BRACKET.replace("#13 =", "/* ' DOCUMENT_FILE('a.step') (( */ #13 =")) == ()


def test_step_cut_short_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    end = BRACKET.rindex("ENDSEC")
    for at in (600, end // 2, end, end + 10):
        assert code(tmp_path, "step", BRACKET[:at]) == "corrupt_file"


@pytest.mark.parametrize("head", ["DOCUMENT_FILE(", "/*=*/DOCUMENT_FILE/*(*/(", "\n DOCUMENT_FILE\n("])
def test_geometry_in_other_files_is_refused(tmp_path: Path, head: str) -> None:
    assert code(tmp_path, "step", reference(document("../other.step", head))) == "external_reference"


def test_other_documents_are_a_loss_and_no_longer_named(tmp_path: Path) -> None:
    said = reference(document("drawing.pdf", "/*=*/DOCUMENT_FILE/*(*/("))
    assert looked(tmp_path, "step", said) == (LOSS,)
    cleaned = without_references(tmp_path / "source")
    assert cleaned != tmp_path / "source"
    assert b"DOCUMENT_FILE" not in cleaned.read_bytes()
    assert len(cleaned.read_bytes()) == len(said)


def test_a_file_without_references_is_not_copied(tmp_path: Path) -> None:
    named = tmp_path / "source"
    named.write_text(part21(CONTEXT + leaf(1000) + product(5000, 1000)))
    assert without_references(named) == named


def test_numbers_beyond_any_size_are_refused(tmp_path: Path) -> None:
    assert code(tmp_path, "step", BRACKET.replace("(14.,0.,6.)", "(1E999,0.,6.)")) == "invalid_geometry"
    text, _ = brep_files.cylinder()
    assert code(tmp_path, "brep", text.replace(" 10 ", " 1e999 ")) == "invalid_geometry"
    assert code(tmp_path, "iges", iges([(110, 0, "0.,0.,0.,1E999,0.,0.")])) == "invalid_geometry"


@pytest.mark.parametrize("room", [step_files, iges_files, brep_files])
def test_no_hostile_file_makes_it_fail_or_linger(tmp_path: Path, room: object) -> None:
    from benchmarks.hostile.kit import Bait

    for hostile in room.files(Bait(tmp_path / "bait", 9)):  # type: ignore[attr-defined]
        if hostile.data and len(hostile.data) < 1 << 21:
            try:
                looked(tmp_path, hostile.name.rpartition(".")[2], hostile.data)
            except Refused as refused:
                assert refused.code in hostile.codes | {"corrupt_file"}, hostile.name


def test_a_line_without_its_vector_is_refused(tmp_path: Path) -> None:
    """The kernel takes it for granted, and crashes."""
    broken = BRACKET.replace("#27 = LINE('',#28,#29)", "#27 = LINE('',#28,#28)")
    assert broken != BRACKET
    assert code(tmp_path, "step", broken) == "corrupt_file"


@pytest.mark.parametrize(
    ("sound", "broken"),
    [
        ("CARTESIAN_POINT('',(14.,0.,6.))", "CARTESIAN_POINT('',$)"),
        ("CARTESIAN_POINT('',(14.,0.,6.))", "CARTESIAN_POINT('it''s',((14.,0.,6.)))"),
        ("ORIENTED_EDGE('',*,*,#21", "ORIENTED_EDGE('',*,*,#999999"),
    ],
)
def test_lists_and_references_that_the_kernel_crashes_on_are_refused(tmp_path: Path, sound: str, broken: str) -> None:
    assert sound in BRACKET
    assert code(tmp_path, "step", BRACKET.replace(sound, broken, 1)) == "corrupt_file"


def test_a_spline_that_announces_more_than_it_can_hold_is_refused(tmp_path: Path) -> None:
    spline = "#90001=B_SPLINE_CURVE_WITH_KNOTS('',3,(#28,#28,#28,#28),.U.,.F.,.F.,({},4),(0.,1.),.U.);\n"
    other = "#90002=INTEGER_REPRESENTATION_ITEM('',99999999);\n"
    end = "ENDSEC;\nEND-ISO"
    assert BRACKET.count(end) == 1
    assert looked(tmp_path, "step", BRACKET.replace(end, spline.format(4) + other + end)) == ()
    assert code(tmp_path, "step", BRACKET.replace(end, other + spline.format(99999999) + end)) == "corrupt_file"


def test_an_apostrophe_in_a_name_hides_no_list(tmp_path: Path) -> None:
    named = BRACKET.replace("CARTESIAN_POINT('',(14.,0.,6.))", "CARTESIAN_POINT('it''s',(14.,0.,6.))", 1)
    assert named != BRACKET
    assert looked(tmp_path, "step", named) == ()


def test_one_part_held_very_often_is_a_bomb_and_many_parts_are_not() -> None:
    graph.check_instances((0, at) for at in range(1, 120_000))
    with pytest.raises(Refused, match="decompression_bomb"):
        graph.check_instances((0, 1) for _ in range(120_000))


def test_brep_shapes_are_made_of_what_is_there(tmp_path: Path) -> None:
    text, _ = brep_files.cylinder()
    for sound, broken in (
        ("0101101", "01011"),
        ("+12 0 *", "+2147483647 0 *"),
        ("+12 0 *", "+12 7 *"),
        ("CN 1 0 0 10", "CN 9 0 0 10"),
    ):
        assert sound in text
        assert code(tmp_path, "brep", text.replace(sound, broken, 1)) == "corrupt_file", broken
