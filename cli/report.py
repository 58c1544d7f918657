"""Conversions as tables: what was made, and what the report measured of it. DESIGN section 5, "The report"."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table

from cli.terminal import complain, print_table, row, say, table, tell
from shapr.answers import ConversionAnswer, ErrorAnswer, OutputAnswer

ORDER = (
    *("bodies", "solids", "faces", "curves", "triangles", "min_corner", "max_corner", "volume", "area"),
    *("watertight", "units", "up_axis", "names", "colours"),
)
TOLD_ELSEWHERE = ("format", "losses")
DIGEST = 12  # characters of a SHA-256: enough to compare two by eye


def outputs_table() -> Table:
    return table("source", "output", "state", "size", "sha256", "reused", "saved as / error")


def add_output(to: Table, conversion: ConversionAnswer, source: object, output: OutputAnswer, saved: object) -> None:
    why = f"{output.error.code}: {output.error.detail}" if output.error else None
    digest = (output.sha256 or "")[:DIGEST]
    size = None if output.size is None else f"{output.size:,}"
    state = f"{output.state} (stub result)" if conversion.stub else output.state
    row(to, source, output.format, state, size, digest, "yes" if output.reused else "", saved or why)


def show(conversion: ConversionAnswer) -> None:
    """Everything about one conversion."""
    facts = table("conversion", conversion.id)
    facts.show_header = False
    for name in ("id", "state", "step", "progress", "created_at", "started_at", "finished_at", "expires_at", "batch"):
        row(facts, name, getattr(conversion, name))
    row(
        facts, "source", f"{conversion.source.name} ({conversion.source.format}, {conversion.source.size or 0:,} bytes)"
    )
    row(facts, "attempts", conversion.attempts)
    row(facts, "workflow", conversion.workflow_id)
    print_table(facts)
    made = outputs_table()
    for output in conversion.outputs:
        add_output(made, conversion, conversion.source.name, output, None)
    print_table(made)
    show_report(conversion.source.name, conversion.report)
    if conversion.error:
        complain(conversion.error, conversion.id)
        hint_at_retry(conversion.id, conversion.error)


def hint_at_retry(id: str, error: ErrorAnswer) -> None:
    if error.retryable:
        say(f"  The same may work later: shapr retry {id}")


def show_report(name: object, report: Mapping[str, Any] | None) -> None:
    """The measures of the source beside those of each output, and what was lost. Nothing when there is no report."""
    if not report:
        return
    source = _rows(report.get("source"))
    about = {name: source.pop(name) for name in tuple(source) if isinstance(source[name], Mapping)}
    columns = {"source": source, **_outputs(report.get("outputs"))}
    made = table("", *columns, title=f"report of {name}")
    for measure in _measures(columns.values()):
        row(made, measure.replace("_", " "), *(_value(column.get(measure)) for column in columns.values()))
    if made.rows:
        print_table(made)
    for what, facts in about.items():
        _tell_about(what, facts)
    for fact in (name for name in report if name not in ("source", "outputs", "losses")):
        tell(f"{fact}: {_value(report[fact])}")
    for loss in report.get("losses") or ():
        tell(f"lost: {_value(loss)}")
    for format, column in columns.items():
        for loss in column.get("losses") or ():
            tell(f"lost in {format}: {_value(loss)}")


def _tell_about(what: str, facts: Mapping[str, Any]) -> None:
    """What is no measure: a line, and one for everything that it lists."""
    lists = {name: value for name, value in facts.items() if isinstance(value, list)}
    tell(f"{what}: {_value({name: value for name, value in facts.items() if name not in lists})}")
    for name, values in lists.items():
        for each in values:
            tell(f"{what} {name}: {_value(each)}")


def _outputs(told: object) -> dict[str, Mapping[str, Any]]:
    """By format, whether they came as a list or by format."""
    if isinstance(told, Mapping):
        return {str(format): _rows(measures) for format, measures in sorted(told.items())}
    listed = [_rows(each) for each in told] if isinstance(told, list) else []
    return {str(each.get("format")): each for each in listed}


def _rows(told: object) -> dict[str, Any]:
    """The measures of one file, each short enough for a cell: the box as two corners, a delta in a row of its own."""
    rows = dict(_mapping(told))
    for corner, value in _mapping(rows.pop("bounding_box", None)).items():
        rows[f"{corner}_corner"] = value
    for measure, value in _mapping(rows.pop("deltas", None)).items():
        rows[f"{measure}_differs_by"] = value
    return {name: value for name, value in rows.items() if name != "faceted" or value}


def _mapping(told: object) -> Mapping[str, Any]:
    return told if isinstance(told, Mapping) else {}


def _measures(columns: Iterable[Mapping[str, Any]]) -> list[str]:
    """Those we know first, in their order; then what a newer service measures."""
    named = dict.fromkeys(name for column in columns for name in column if name not in TOLD_ELSEWHERE)
    return [*(name for name in ORDER if name in named), *(name for name in named if name not in ORDER)]


def _value(told: object) -> str:
    if told is None:
        return ""
    if isinstance(told, bool):
        return "yes" if told else "no"
    if isinstance(told, float):
        return f"{told:.6g}"
    if isinstance(told, Mapping):
        return ", ".join(f"{name} {_value(each)}" for name, each in told.items() if each not in ("", [], None))
    if isinstance(told, list | tuple):
        return " ".join(_value(each) for each in told)
    return str(told)
