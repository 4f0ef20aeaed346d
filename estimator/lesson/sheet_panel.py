"""A sheet that is alive: yellow boxes to type into, computed cells that follow, rows to add."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ipywidgets as widgets

from estimator.glossary import quantity
from estimator.lesson.controls import Number
from estimator.lesson.panel import STYLE, Answer, Panel, plain_html, render
from estimator.lesson.prose import Prose
from estimator.lesson.sheet import ComputedRow, InputRow, Row, Sheet, SumRow, cell_text
from estimator.lesson.spreadsheet import write_spreadsheet
from estimator.lesson.tables import INPUT_STYLE
from estimator.quantity import Quantity
from estimator.units import plural

# Classes of our own: ipywidgets has no trait for the colour of a number box.
_STYLE = (
    f"<style>.course-sheet .course-given input{{{INPUT_STYLE}}}"
    ".course-sheet .widget-label{white-space:normal;height:auto;line-height:1.25;"
    "align-self:center}"
    ".course-sheet .widget-html-content{line-height:1.25;align-self:center}"
    # A unit stays beside its cell as long as the two fit side by side.
    ".course-sheet,.course-sheet>*{max-width:100%}"
    "@container (min-width:25em){.course-line{flex-wrap:nowrap!important}"
    ".course-line>:last-child{flex-shrink:1;min-width:6em}}"
    ".course-last .course-computed{opacity:0.6;font-style:italic}</style>"
)
_NAME_STYLE = {"description_width": "13.5em"}
_CELL_LAYOUT = {"width": "19.5em", "max_width": "98%"}
_UNIT_WIDTH = "12em"
_LEGEND = "✎ on yellow: type here. =: computed from the cells that it names, in base units."

Speak = Callable[[Mapping[str, float]], Answer]
Grow = Callable[[Sheet, str, float, str], Sheet]


@dataclass(frozen=True)
class SheetNumber(Number):
    """An input row as a panel's control: a box without a slider, so it needs no ends."""

    low: float = 0
    high: float = 0
    row: InputRow = field(kw_only=True)
    place: str = field(kw_only=True)

    @property
    def quantity(self) -> Quantity:
        """The row's entry, which a lesson may have narrowed."""
        return self.row.shown_entry

    @property
    def label(self) -> str:
        """The cell and the name of its row, as the box carries them."""
        return f"{self.place} {self.row.label}"

    @property
    def shown(self) -> float:
        """The starting value as the page shows it."""
        return self.row.shown

    @property
    def text(self) -> str:
        """The starting value in words."""
        unit, counted = self.row.unit.name, self.quantity.unit
        if unit == plural(counted, 2):
            unit = plural(counted, self.row.shown)
        return f"{cell_text(self.row, self.row.value)} {unit}"

    def check(self, shown: float) -> float:
        """Return the value in base units; ValueError with a sentence if it is off."""
        return self.row.to_base(shown)


class SheetPanel(Panel):
    """A sheet on the page.

    `speak` makes the answer, a sentence and the task's score, of the value of every row. It is
    written first; then the computed cells that have changed. What is out of range is told above
    the sheet, and the cells keep the last answer, dimmed. `columns` lays the sheet's parts out.
    `kinds` are the ways in which a reader may add a row, and `grow` adds it, of a size in KB.
    """

    def __init__(
        self, title: str, task: str, sheet: Sheet, speak: Speak, columns: Sequence[Sequence[str]],
        kinds: Mapping[str, str], grow: Grow,
    ) -> None:  # fmt: skip
        self.sheet = sheet
        self.cells: dict[str, widgets.HTML] = {}
        self._speak, self._columns, self._grow = speak, columns, grow
        super().__init__(title, task, _numbers(sheet), self._compute)
        head = f"<p><strong>{html.escape(title)}</strong> (run the notebook to type into it)</p>"
        self._static = head + render(self.last, task) + sheet.table(self._values).html()
        self.adder = _Adder(kinds, self.add_row)
        legend = plain_html(STYLE + _STYLE + html.escape(f"{_LEGEND} {sheet.note}".rstrip()))
        self._body = widgets.Box(layout=widgets.Layout(flex_flow="row wrap"))
        self._body.add_class("course-sheet")
        self._lay_out()
        heading = plain_html(f"<strong>{html.escape(title)}</strong>")
        self.children = (heading, self.output, legend, self._body, self.adder)

    def _compute(self, **given: float) -> Answer:
        values = self.sheet.compute(given)
        answer = self._speak(values)
        self._values = values
        return answer

    def _row(self, control: Any) -> widgets.Widget:
        box = widgets.FloatText(
            value=control.shown, description=control.label, step=control.step,
            style=dict(_NAME_STYLE), layout=widgets.Layout(**_CELL_LAYOUT),
            tooltip=control.tooltip,
        )  # fmt: skip
        box.add_class("course-given")
        box.observe(lambda change: self._typed(control, change["new"]), "value")
        self.boxes[control.name] = box
        return box

    def _follow(self, control: Any, shown: float) -> None:
        """Write the computed cells that have changed, once the answer stands."""
        for name, cell in self.cells.items():
            cell.value = cell_text(self.sheet.row(name), self._values[name])

    def told(self, answer: Callable[[], Answer]) -> bool:
        """Write the answer, or what goes wrong; the cells of a last answer are dimmed."""
        done = super().told(answer)
        if done:
            self._body.remove_class("course-last")
        else:
            self._body.add_class("course-last")
        return done

    def present(self) -> Sheet:
        """The sheet with what stands in its cells now; a ValueError says what cannot be."""
        sheet = self.sheet.with_values(**self.values())
        sheet.compute()
        return sheet

    def write_spreadsheet(self, path: str) -> Prose:
        """Write the sheet as it stands now, rows that were added included, to an .xlsx file.

        If something in it cannot be, nothing is written, and the sentence says what.
        """
        try:
            sheet = self.present() if path else self.sheet
        except ValueError as error:
            return Prose(f"No spreadsheet was written: in the live sheet, {error}")
        return write_spreadsheet(path, sheet)

    def add_row(self, label: str, size_kb: float, kind: str) -> bool:
        """Add a row to the sheet; a size or a name that cannot be is told on the page."""
        before = self.sheet

        def grown() -> Answer:
            now = before.with_values(**self.values())
            self.sheet = self._grow(now, label, size_kb, kind)
            return self._compute()

        if not self.told(grown):
            self.sheet = before
            return False
        self._controls, self.boxes = _numbers(self.sheet), {}
        for control in self._controls:
            self._row(control)
        self._lay_out()
        return True

    def _lay_out(self) -> None:
        """Lay the rows out in their parts: the boxes as they are, and fresh computed cells."""
        self.cells, columns = {}, []
        for names in self._columns:
            parts = [self._part(name) for name in names]
            columns.append(widgets.VBox([part for part in parts if part.children]))
        self._body.children = columns

    def _part(self, name: str) -> widgets.VBox:
        rows = [self._line(row) for row in self.sheet.rows if row.part == name]
        title = plain_html(f"<strong>{html.escape(name)}</strong>")
        return widgets.VBox([title, *rows] if rows else [])

    def _line(self, row: Row) -> widgets.Box:
        if isinstance(row, InputRow):
            cell, text = self.boxes[row.name], f"✎ {row.unit.name}"
        else:
            cell, text = self._cell(row), f"{row.unit.name} = {self.sheet.formula_text(row)}"
        unit = plain_html(html.escape(text), layout=widgets.Layout(width=_UNIT_WIDTH))
        line = widgets.Box([cell, unit], layout=widgets.Layout(flex_flow="row wrap"))
        line.add_class("course-line")
        return line

    def _cell(self, row: ComputedRow | SumRow) -> widgets.HTML:
        cell = plain_html(
            cell_text(row, self._values[row.name]),
            description=f"B{self.sheet.number(row.name)} {row.label}",
            tooltip=f"Computed, in base units: {self.sheet.formula_text(row)}",
            style=dict(_NAME_STYLE), layout=widgets.Layout(**_CELL_LAYOUT),
        )  # fmt: skip
        cell.add_class("course-computed")
        self.cells[row.name] = cell
        return cell


class _Adder(widgets.Box):  # type: ignore[misc]  # ipywidgets ships no types
    """What is asked of a row to add, and the button that adds it."""

    def __init__(self, kinds: Mapping[str, str], add: Callable[[str, float, str], bool]) -> None:
        self.label = widgets.Text(
            description="Add a row", placeholder="server logs", tooltip="Name of a row to add"
        )
        meaning = quantity("row_bytes").meaning
        self.size = widgets.FloatText(1, description="Size, in KB", tooltip=meaning)
        self.kind = widgets.Dropdown(
            options=[(text, kind) for kind, text in kinds.items()],
            description="Stored",
            tooltip="How often that is stored",
        )
        for box in (self.label, self.size, self.kind):
            box.style.description_width = "6em"
            box.layout = widgets.Layout(width="19em", max_width="98%")
        self.button = widgets.Button(description="Add the row")
        self._add = add
        self.button.on_click(self._clicked)
        super().__init__(
            [self.label, self.kind, self.size, self.button],
            layout=widgets.Layout(flex_flow="row wrap"),
        )

    def _clicked(self, _: object) -> None:
        if self._add(self.label.value, self.size.value, self.kind.value):
            self.label.value = ""


def _numbers(sheet: Sheet) -> list[SheetNumber]:
    return [
        SheetNumber(
            row.name, row.value, step=row.step, scale=row.unit.size, row=row,
            place=f"B{sheet.number(row.name)}",
        )
        for row in sheet.inputs
    ]  # fmt: skip
