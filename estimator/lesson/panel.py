"""A panel: controls, and one piece of HTML that is made anew with every change.

The answer's sentence stands in a status line, then come its table, with bars, and the score of
the task. The same renderer makes the static page that is read where no kernel runs.
"""

from __future__ import annotations

import html
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import ipywidgets as widgets

from estimator.formula import TooLargeError
from estimator.lesson.controls import OWN, Choice, Control, Number, Text
from estimator.lesson.progress import keep
from estimator.lesson.tables import GROUND, Table

_NAME_WIDTH = "17em"
_OWN_LINE = f"min(100%, max({_NAME_WIDTH}, (28em - 100%) * 999))"
"""Of a list's name: in a column of less than 28em the whole line, and the list goes below it."""


_ARROW = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 18 18'>"
    "<path fill='white' d='M5.2 5.9 9 9.7l3.8-3.8 1.2 1.2-4.9 5-4.9-5z'/></svg>"
)
STYLE = (
    "<style>.course-panel{container-type:inline-size;width:100%}"
    # A list takes its height from its row, and a row that may wrap has none to give.
    ".course-panel select{min-height:var(--jp-widgets-inline-height,28px)}"
    # ipywidgets draws a list's arrow in black, which a dark page swallows.
    "[data-jp-theme-light=false] .course-panel{--jp-widgets-dropdown-arrow:"
    f'url("data:image/svg+xml,{_ARROW}")}}'
    # Where a name stands above its box, it begins where the box does.
    "@container (max-width:29em){.course-panel .widget-text:not(.course-given)>.widget-label,"
    ".course-panel .widget-dropdown>.widget-label{text-align:left}}</style>"
)
"""What no trait of ipywidgets can say, for the pages that run a panel."""


@dataclass(frozen=True)
class Answer:
    """What a panel answers: a sentence, tables with bars, and how far the task is."""

    sentence: str
    tables: tuple[Table, ...]
    score: str = ""
    solved: bool = False
    refused: bool = False
    """Tells that the sentence is no answer, but why there is none yet."""


class Panel(widgets.VBox):  # type: ignore[misc]  # ipywidgets ships no types
    """Controls and their answer.

    `answer` takes the controls' values by name, in base units, and returns an `Answer`. A value
    out of range, or an error in `answer`, is told on the page; the last answer stays, marked.
    """

    def __init__(
        self, title: str, task: str, controls: Sequence[Control], answer: Callable[..., Answer]
    ) -> None:
        self._title, self._task, self._controls, self._answer = title, task, controls, answer
        self._quiet, self._kept = False, False
        self.errors: list[BaseException] = []
        self.last = answer(**{c.name: c.value for c in controls})
        self._static = _static(title, task, controls, self.last)
        self.output = plain_html(render(self.last, task))
        self.boxes: dict[str, Any] = {}
        # What was typed or chosen last: a slider that comes back to its stop gives it back.
        self._typed_last = {c.name: c.shown for c in controls if isinstance(c, Number)}
        self.sliders: dict[str, Any] = {}
        rows = [self._row(control) for control in controls]
        heading = plain_html(f"{STYLE}<strong>{html.escape(title)}</strong>")
        super().__init__([heading, *rows, self.output])
        self.add_class("course-panel")

    def __repr__(self) -> str:
        stop = "" if self._title.endswith("?") else "."
        return f"Panel: {self._title}{stop} {self.last.sentence}"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        return {**bundle, "text/html": self._static, "text/plain": repr(self)}

    def _row(self, control: Control) -> widgets.Widget:
        style = {"description_width": _NAME_WIDTH}
        layout = widgets.Layout(width="32em", max_width="98%")
        if isinstance(control, Choice):
            style = {"description_width": _OWN_LINE}
            layout.flex_flow, layout.height = "row wrap", "auto"
            pairs = [(text, key) for key, text in control.options.items()]
            box = widgets.Dropdown(
                options=pairs, value=control.value, description=control.label, style=style,
                layout=layout, tooltip=control.tooltip,
            )  # fmt: skip
            box.observe(lambda change: self._chosen(control, change["new"]), "value")
            self.boxes[control.name] = box
            return box
        if isinstance(control, Text):
            style = {"description_width": f"min({_NAME_WIDTH}, 54%)"}
            area = widgets.Textarea(
                value=control.value, description=control.label, style=style, layout=layout,
                rows=3, tooltip=control.tooltip, placeholder=control.allowed,
            )  # fmt: skip
            area.observe(lambda change: self._written(control, change["new"]), "value")
            self.boxes[control.name] = area
            return area
        # In a narrow column the number goes below its name.
        layout.flex_flow, layout.height = "row wrap", "auto"
        box = widgets.FloatText(
            value=control.shown, description=control.label, style=style, layout=layout,
            step=control.step, tooltip=control.tooltip,
        )  # fmt: skip
        slider = _slider(control)
        box.observe(lambda change: self._typed(control, change["new"]), "value")
        slider.observe(lambda change: self._dragged(control, change["new"]), "value")
        self.boxes[control.name], self.sliders[control.name] = box, slider
        return widgets.Box(
            [box, slider], layout=widgets.Layout(flex_flow="row wrap", align_items="center")
        )

    # The page is answered first, then the control's partner follows: it feels quicker.

    def _typed(self, control: Number, shown: float) -> None:
        if self._quiet:
            return
        self._own(control.name)
        if self.update():
            self._typed_last[control.name] = shown
            self._follow(control, shown)

    def _dragged(self, control: Number, shown: float) -> None:
        if self._quiet or control.is_snap(self.boxes[control.name].value, shown):
            return
        box, typed = self.boxes[control.name], self._typed_last[control.name]
        back = control.stop(shown) == control.stop(typed)
        if back and box.value == typed:
            return
        tidy = typed if back else _tidy(shown, control)
        if tidy == box.value:  # a step too small for a count is a step all the same
            tidy += 1 if shown > tidy else -1
        with self._quietly():
            box.value = tidy
        self._own(control.name)
        # Where the slider stands at its box's stop it is left alone: a person may be moving on.
        if self.update() and not control.is_snap(tidy, shown):
            self._follow(control, tidy)

    def _chosen(self, control: Choice, key: str) -> None:
        if self._quiet:
            return
        filled = dict(control.fills(key)) if control.fills and key != OWN else {}
        numbers = {c.name: c for c in self._controls if isinstance(c, Number)}
        with self._quietly():
            for name, value in filled.items():
                self.boxes[name].value = value / numbers[name].scale
        if self.update():
            for name in filled:
                self._typed_last[name] = self.boxes[name].value
                self._follow(numbers[name], self.boxes[name].value)

    def _written(self, control: Text, text: str) -> None:
        if self._quiet:
            return
        if text.strip():
            with self._quietly():
                self.boxes[control.chooses].value = OWN
                for name, choice in (control.sets(text) if control.sets else {}).items():
                    self.boxes[name].value = choice
        self.update()

    def _own(self, name: str) -> None:
        """Set a choice to OWN once one of the numbers that it fills is typed over."""
        for control in self._controls:
            if isinstance(control, Choice) and control.fills and OWN in control.options:
                box = self.boxes[control.name]
                if box.value != OWN and name in control.fills(box.value):
                    with self._quietly():
                        box.value = OWN

    def _follow(self, control: Number, shown: float) -> None:
        slider = self.sliders[control.name]
        with self._quietly():
            slider.value = min(max(shown, control.low), control.high)

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def glossary(self) -> Table:
        """Describe every control, in the panel's order, before the panel is used."""
        rows = [
            (c.label, c.quantity.meaning, c.quantity.range_text, c.text)
            if isinstance(c, Number)
            else (c.label, c.meaning, c.allowed, c.text)
            for c in self._controls
        ]
        headers = ("control", "what it is", "allowed", "set to")
        return Table(headers, rows, "The controls", left=frozenset(headers[1:3]))

    def values(self) -> dict[str, Any]:
        """Read the controls, in base units; one ValueError tells all that is out of range."""
        values, problems = {}, []
        for control in self._controls:
            shown = self.boxes[control.name].value
            try:
                values[control.name] = (
                    control.check(shown) if isinstance(control, Number) else shown
                )
            except (TypeError, ValueError) as error:
                problems.append(str(error))
        if problems:
            raise ValueError(" ".join(problems))
        return values

    def update(self) -> bool:
        """Answer anew. Whatever goes wrong is told on the page, and kept in `errors`."""
        return self.told(lambda: self._answer(**self.values()))

    def told(self, answer: Callable[[], Answer]) -> bool:
        """Write an answer on the page, or what goes wrong on the way to it."""
        try:
            self.last = answer()
        except (TooLargeError, OverflowError) as error:
            self.errors.append(error)
            problem = self._too_large(getattr(error, "label", "answer"))
            self.output.value = render(self.last, self._task, problem=problem)
            return False
        except ValueError as error:
            self.errors.append(error)
            self.output.value = render(self.last, self._task, problem=str(error))
            return False
        except Exception as error:
            # A callback's exception shows nowhere in JupyterLab, so the page has to carry it.
            self.errors.append(error)
            trace = "".join(traceback.format_exception(error))
            problem = f"The panel failed with {type(error).__name__}: {error}."
            self.output.value = render(self.last, self._task, problem=problem, trace=trace)
            return False
        if self.last.solved and not self._kept:
            self._keep()
        self.output.value = render(self.last, self._task)
        return True

    def _too_large(self, label: str) -> str:
        """Say which controls to look at; a formula can name its own inputs only."""
        numbers = [c for c in self._controls if isinstance(c, Number)]
        extreme = [c for c in numbers if c.is_extreme(self.boxes[c.name].value)]
        names = " or ".join(f'"{control.label}"' for control in extreme or numbers)
        return f"The {label} is too large for a number: give a less extreme value for {names}."

    def _keep(self) -> None:
        """Remember, in the learner's own folder, that the task is solved."""
        note = keep(self._title)
        self._kept = not note
        if note:
            self.last = replace(self.last, score=f"{self.last.score} {note}".lstrip())


def still_to_set(wanted: Sequence[tuple[bool, str]]) -> str:
    """Say how much of a task's service is set, and what to set next; empty once all is.

    >>> still_to_set([(True, "choose the model"), (False, "set 10 users"), (False, "wait")])
    '1 of 3 are set; set 10 users.'
    """
    missing = [advice for met, advice in wanted if not met]
    done = len(wanted) - len(missing)
    return f"{done} of {len(wanted)} are set; {missing[0]}." if missing else ""


def plain_html(text: str, **settings: Any) -> widgets.HTML:
    """HTML whose label, which nobody sees, has an empty tooltip: ipywidgets would write "null"."""
    return widgets.HTML(text, **{"tooltip": "", **settings})


def render(answer: Answer, task: str, *, problem: str = "", trace: str = "") -> str:
    """Write the answer as HTML; with a problem, say it and mark the answer as the last one."""
    parts = ['<div style="line-height:1.5">']
    if problem:
        parts.append(f'<p role="status"><strong>⚠ {html.escape(problem)}</strong></p>')
        if trace:
            shown = html.escape(trace)
            parts.append(f"<details><summary>Trace</summary><pre>{shown}</pre></details>")
    if problem and not answer.refused:
        parts.append("<p><em>Below stands the last answer, for the values before.</em></p>")
        parts.append('<div style="border-left:4px dashed #767676;padding-left:8px">')
        parts.append(f"<p>{html.escape(answer.sentence)}</p>")
    elif not problem:
        parts.append(f'<p role="status"><strong>{html.escape(answer.sentence)}</strong></p>')
    # A table wider than the column does not widen what stands around it: it scrolls.
    kept = '<div style="width:0;min-width:100%;margin-top:8px">'
    parts += [f"{kept}{table.html(GROUND)}</div>" for table in answer.tables]
    if answer.score:
        mark = "✔ Solved" if answer.solved else "Not yet"
        score = html.escape(answer.score)
        parts.append(f"<p>Task: {html.escape(task)} <strong>{mark}:</strong> {score}</p>")
    parts.append("</div></div>" if problem and not answer.refused else "</div>")
    return "".join(parts)


def _static(title: str, task: str, controls: Sequence[Control], answer: Answer) -> str:
    """The panel as a page without a kernel shows it: its settings, and the answer to them."""
    rows = [(control.label, control.text) for control in controls]
    settings = Table(("control", "set to"), rows)
    head = f"<p><strong>{html.escape(title)}</strong> (run the notebook to move the controls)</p>"
    return head + settings.html() + render(answer, task)


def _slider(control: Number) -> Any:
    layout = widgets.Layout(width="16em", max_width="98%")
    start = min(max(control.shown, control.low), control.high)
    if control.log:
        return widgets.FloatLogSlider(
            value=start, min=control.position(control.low), max=control.position(control.high),
            step=control.slider_step, readout=False, layout=layout, tooltip=control.tooltip,
        )  # fmt: skip
    return widgets.FloatSlider(
        value=start, min=control.low, max=control.high, step=control.step, readout=False,
        layout=layout, tooltip=control.tooltip,
    )  # fmt: skip


def _tidy(shown: float, control: Number) -> float:
    """Give what a slider stands on as one would type it: three digits of a scale of powers."""
    tidy = float(f"{shown:.3g}" if control.log else f"{shown:.10g}")
    return round(tidy) if control.quantity.whole and control.scale == 1 else tidy
