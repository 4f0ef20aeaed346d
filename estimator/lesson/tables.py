"""Tables and bars as plain HTML that survives an untrusted notebook: no scripts, no classes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape

from estimator.lesson.wide import box
from estimator.units import number_text, quantity_text, share_text

# Okabe and Ito's colours that keep a contrast of 3 on white and on JupyterLab's dark page.
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"

INPUT_STYLE = "background:#FFF2A8;color:#000000"

# What follows the window's width (vw) is for narrow ones. JupyterLab takes it out of notebooks that
# it does not trust: there the plain value before it holds.

# Words wrap, numbers with their units do not, and a table too wide for its page scrolls.
_PADDING = "padding:2px 10px;padding:2px clamp(4px,0.5vw,10px);"
_CELL = f"{_PADDING}vertical-align:top;overflow-wrap:break-word;"
# While it scrolls, the name of each row stays, on the row's own ground.
_STAYS = "position:sticky;left:0;background:inherit;max-width:50vw;"
# From so many characters on, a column's text needs so much room.
_SENTENCES = (
    (120, "min-width:11em;min-width:min(18em,40vw);"),
    (40, "min-width:11em;min-width:min(11em,36vw);"),
)
# With so many columns, a table may be wider than a phone's page, whatever stands in them.
_MANY = 3
# A bar gives way to words in a narrow column, down to where shares can no longer be told apart.
_FRAME = "display:inline-grid;grid-template-columns:minmax(50px,120px);vertical-align:middle"
# What a row needs for that where no page gives it a ground, as in a panel: JupyterLab's, or ours.
GROUND = "background:var(--jp-layout-color0,var(--page))"


# What is counted may stand on the next line, and so may a rate of a day or a month: they are words.
_UNIT = r"[%A-Zµ]|(?:ms|s|min|h|kg|kW|kWh|million|billion)\b|[a-z]+/"
_GAP = re.compile(rf"(?<=\d) (?!\w+/(?:day|month))(?={_UNIT})|(?<=illion) (?=[A-Z])|(?<=<) (?=\d)")


def unbroken(text: str) -> str:
    r"""Keep a number and its unit on one line, however narrow the column is.

    >>> unbroken("6.00 GB (5.59 GiB)").split(" ")
    ['6.00\xa0GB', '(5.59\xa0GiB)']
    """
    return _GAP.sub("\N{NO-BREAK SPACE}", text)


@dataclass(frozen=True)
class Bar:
    """A bar in a table's cell: a share of the full width, with its text beside it.

    One that starts where the bar above it ends makes a column of them one stack. One that is past
    a limit is marked by a word, which its text ends with, and not by colour and stripes alone.
    """

    share: float
    text: str
    over: str = ""
    start: float = 0

    def html(self) -> str:
        """Draw the bar, cut at the right end; one past a limit is striped and coloured."""
        left = max(0.0, min(self.start, 1.0)) * 100
        width = max(0.0, min(self.share, 1 - left / 100)) * 100
        colour = VERMILLION if self.over else BLUE
        ground = f"background:{colour}"
        if self.over:
            # The plain colour is for pages that take gradients out, too: a full bar is not empty.
            stripes = f"{colour},{colour} 5px,#FFFFFF 5px,#FFFFFF 7px"
            ground += f";background:repeating-linear-gradient(45deg,{stripes})"
        shift = f"margin-left:{left:.1f}%;" if left else ""
        fill = f"{shift}width:{width:.1f}%;height:11px;{ground}"
        drawn = (
            f'<div style="{_FRAME}"><div style="border:1px solid #767676">'
            f'<div style="{fill}"></div></div></div>'
        )
        return f'{drawn} <span style="vertical-align:middle">{escape(unbroken(str(self)))}</span>'

    def __str__(self) -> str:
        return f"{self.text}: {self.over}" if self.over else self.text


@dataclass(frozen=True)
class Given:
    """What a reader has typed: on yellow, and with a mark, so that colour is not alone."""

    text: str

    def html(self) -> str:
        """Write the text black on yellow, in light pages and in dark ones."""
        style = f"white-space:nowrap;{INPUT_STYLE};padding:0 6px"
        return f'<span style="{style}">{escape(str(self))}</span>'

    def __str__(self) -> str:
        return f"✎ {self.text}"


@dataclass(frozen=True)
class Unbroken:
    """A number with its unit, which stay on one line however narrow the column is."""

    text: str

    def html(self) -> str:
        """Write the text so that it does not wrap."""
        return f'<span style="white-space:nowrap">{escape(unbroken(self.text))}</span>'

    def __str__(self) -> str:
        return self.text


Cell = str | float | Bar | Given | Unbroken


@dataclass(frozen=True)
class Table:
    """A table of text, numbers and bars; the first cell of a row names the row."""

    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    note: str = ""
    total: Sequence[Cell] = field(default=())
    left: frozenset[str] = frozenset()
    """Headers of further columns whose text is set to the left, as prose is."""

    def html(self, ground: str = "") -> str:
        """Write the table as HTML, every text escaped; `ground` is a style of all its rows."""
        caption = f"<caption {_style('text-align:left;font-weight:bold')}>{_text(self.caption)}"
        parts = ['<table style="border-collapse:collapse">']
        parts += [f"{caption}</caption>"] if self.caption else []
        heads = "".join(
            f'<th scope="col" {self._align(i, self._room(i))}>{_text(h)}</th>'
            for i, h in enumerate(self.headers)
        )
        parts.append(f"<thead><tr>{heads}</tr></thead><tbody>")
        parts += [self._row(row, ground) for row in self.rows]
        if self.total:
            total = ";".join(filter(None, ("font-weight:bold;border-top:2px solid", ground)))
            parts.append(self._row(self.total, total))
        parts.append("</tbody></table>")
        table = box(
            "".join(parts), unbroken(self.caption) or "table", stop=len(self.headers) >= _MANY
        )
        note = _style("margin:4px 0;overflow-wrap:anywhere")
        return table + (f"<p {note}>{_text(self.note)}</p>" if self.note else "")

    def _row(self, row: Sequence[Cell], style: str = "") -> str:
        first, *rest = row
        cells = [f'<th scope="row" {self._align(0, _STAYS)}>{_text(first)}</th>']
        cells += [f"<td {self._align(i)}>{_html(c)}</td>" for i, c in enumerate(rest, start=1)]
        return f"<tr {_style(style)}>{''.join(cells)}</tr>"

    def _align(self, column: int, further: str = "") -> str:
        left = column == 0 or self.headers[column] in self.left
        return _style(f"{_CELL}{further}text-align:{'left' if left else 'right'}")

    def _room(self, column: int) -> str:
        """Keep a column of sentences from being squeezed to a word a line."""
        if self.headers[column] not in self.left:
            return ""
        longest = max((len(str(row[column])) for row in self.rows), default=0)
        return next((style for least, style in _SENTENCES if longest >= least), "")

    def __str__(self) -> str:
        rows = [self.headers, *self.rows, *([self.total] if self.total else [])]
        lines = [" | ".join(_text(cell, html=False) for cell in row) for row in rows]
        head = [self.caption] if self.caption else []
        return "\n".join([*head, *lines, *([self.note] if self.note else [])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.html()


@dataclass(frozen=True)
class Tables:
    """Tables that belong together, one below the other, and one to unfold by its caption."""

    tables: tuple[Table, ...]
    folded: Table | None = None

    def _repr_html_(self) -> str:
        return "".join([*(table.html() for table in self.tables), self._fold()])

    def _fold(self) -> str:
        if self.folded is None:
            return ""
        summary = f"<summary>{_text(self.folded.caption)}</summary>"
        return f"<details>{summary}{replace(self.folded, caption='').html()}</details>"

    def __repr__(self) -> str:
        folded = () if self.folded is None else (self.folded,)
        return "\n\n".join(map(str, (*self.tables, *folded)))


def _style(style: str) -> str:
    return f'style="{style}"' if style else ""


def _text(cell: Cell, *, html: bool = True) -> str:
    text = number_text(cell) if isinstance(cell, int | float) else str(cell)
    return escape(unbroken(text)) if html else text


def _html(cell: Cell) -> str:
    return cell.html() if isinstance(cell, Bar | Given | Unbroken) else _text(cell)


def _share_text(share: float) -> str:
    """Write a part's share; a part that is there is not said to be none."""
    return "< 0.1 %" if 0 < share < 0.0005 else share_text(share, 1)


def breakdown(
    parts: Mapping[str, float], unit: str, *, caption: str = "", left_out: str = ""
) -> Table:
    """Lay parts out with their shares and their total, and say what was left out and why.

    Raises: ValueError: parts that add up to 0, which have no shares.
    """
    total = sum(parts.values())
    if not total:
        raise ValueError("the parts add up to 0, so they have no shares: give a part above 0.")
    rows = [
        (name, quantity_text(value, unit), Bar(value / total, _share_text(value / total)))
        for name, value in parts.items()
    ]
    note = f"Left out: {left_out}" if left_out else ""
    headers = ("part", unit + "s", "share")
    return Table(
        headers, rows, caption, note, total=("total", quantity_text(total, unit), ""),
        left=frozenset({"share"}),
    )  # fmt: skip


def assumptions(rows: Iterable[tuple[str, str, str]]) -> Table:
    """List assumptions with their values and their sources."""
    headers = ("assumption", "value", "source")
    return Table(headers, list(rows), "Assumptions", left=frozenset({"source"}))


def comparison(rows: Iterable[tuple[str, str, float, str, str]]) -> Table:
    """Set published texts beside computed values: name, published, value, unit, what to know."""
    headers = ("quantity", "published", "computed", "what to know")
    body = [
        (name, published, quantity_text(value, unit), why)
        for name, published, value, unit, why in rows
    ]
    return Table(headers, body, left=frozenset({"what to know"}))
