"""What a reader sees of a panel and of a table."""

from __future__ import annotations

import html
import re
from typing import Any

from estimator.lesson.panel import Panel
from estimator.lesson.tables import Table


def page(panel: Panel) -> str:
    """All text of a panel's answer."""
    return html.unescape(re.sub(r"<[^>]+>", " ", panel.output.value))


def status(panel: Panel) -> str:
    """The line with the answer's sentence, or with what is wrong."""
    found = re.search(r'<p role="status"><strong>(.*?)</strong></p>', panel.output.value)
    assert found
    return html.unescape(found[1])


def set_up(panel: Panel, **values: Any) -> None:
    """Put values into a panel's boxes, one after the other."""
    for name, value in values.items():
        panel.boxes[name].value = value


def column(table: Table, header: str) -> list[str]:
    """The texts of one column of a table."""
    place = list(table.headers).index(header)
    return [str(row[place]) for row in table.rows]


def row(table: Table, name: str) -> list[str]:
    """The texts of the row of that name."""
    return next([str(cell) for cell in line] for line in table.rows if str(line[0]) == name)


def rows(table: Table) -> dict[str, list[str]]:
    """The texts of each row, under its first one."""
    return {str(first): [str(cell) for cell in rest] for first, *rest in table.rows}
