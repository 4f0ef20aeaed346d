"""The guard of the lessons: what nbval does not see, and what keeps their prose true."""

import json
import re
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from papermill import inspect_notebook

from estimator.glossary import QUANTITIES, quantity
from estimator.lesson.progress import TASKS
from estimator.units import plural

ROOT = Path(__file__).parents[1]
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TAGS = {"parameters", "reader", "exercise"}
NUMBER = re.compile(r"(?<![\w.,/@-])\d[\d,]*+(?:\.\d+)?+(?!\w|-\w)")
ANY_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
# Units that stand for the same quantity: a sentence may say GB where the output beside it says MB.
SCALES = {
    **{f"{p}B": ("byte", 1000**n) for n, p in enumerate(("", "K", "M", "G", "T", "P"))},
    **{f"{p}iB": ("byte", 1024**n) for n, p in enumerate("KMGTP", start=1)},
    "bytes": ("byte", 1),
    **{f"{p}bit/s": ("bit/s", 1000**n) for n, p in enumerate(("", "k", "M", "G", "T"))},
    "ms": ("s", 1e-3),
    "s": ("s", 1),
}
WITH_UNIT = re.compile(rf"(?<![\w.,])(\d[\d,]*(?:\.\d+)?) ({'|'.join(SCALES)})(?![\w/])")
PICTURE = re.compile(r'<img alt="([^"]*)"')
SMALL = 10  # whole numbers up to here are words, not results


def cells(lesson: Path, kind: str) -> list[dict[str, Any]]:
    notebook = json.loads(lesson.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def output_text(lesson: Path) -> str:
    texts = []
    for cell in cells(lesson, "code"):
        for output in cell["outputs"]:
            data = output.get("data", {})
            texts += ["".join(v) for k, v in data.items() if k.startswith("text/")]
            texts.append("".join(output.get("text", "")))
    plain = re.sub(r"<[^>]+>", " ", " ".join(texts)).replace("{,}", ",")
    return plain.replace("\N{NO-BREAK SPACE}", " ")


def tags(cell: dict[str, Any]) -> set[str]:
    return set(cell["metadata"].get("tags", []))


def numbers(text: str) -> list[str]:
    return [match.rstrip(",") for match in NUMBER.findall(text)]


def value(number: str) -> float:
    return float(number.replace(",", ""))


def prose(cell: dict[str, Any]) -> str:
    """A Markdown cell without what is no statement: links, code, names of lessons."""
    text = re.sub(r"\]\([^)]*\)|`[^`]*`|^#.*$|[Ll]essons? \d\d", " ", source(cell), flags=re.M)
    return re.sub(r"\b0\d(?= [A-Z][a-z])", " ", text)


def test_the_lessons_are_numbered_without_a_gap() -> None:
    numbered = [lesson.stem[:2] for lesson in LESSONS]
    assert numbered == [f"{n:02}" for n in range(len(LESSONS))]
    odd = set(TASKS) ^ set(numbered)
    assert not odd, "TASKS of estimator/lesson/progress.py has the panel of every lesson"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
class TestLesson:
    def test_executed_with_counts_from_top_to_bottom(self, lesson: Path) -> None:
        counts = [cell["execution_count"] for cell in cells(lesson, "code")]
        assert counts == list(range(1, len(counts) + 1))

    def test_no_errors_and_nothing_on_stderr(self, lesson: Path) -> None:
        for cell in cells(lesson, "code"):
            for output in cell["outputs"]:
                assert output["output_type"] != "error", source(cell)
                assert output.get("name") != "stderr", output["text"]

    def test_metadata_is_normal(self, lesson: Path) -> None:
        notebook = json.loads(lesson.read_text(encoding="utf-8"))
        assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
        assert notebook["metadata"]["language_info"] == {"name": "python"}
        for cell in notebook["cells"]:
            assert set(cell["metadata"]) <= {"tags"}
            assert tags(cell) <= TAGS

    def test_outputs_carry_nothing_that_changes(self, lesson: Path) -> None:
        text = lesson.read_text(encoding="utf-8")
        assert "application/vnd.jupyter.widget" not in text
        assert not re.search(r"0x[0-9a-f]{8,}", output_text(lesson))
        assert str(ROOT) not in text

    def test_one_parameters_cell_with_result_path(self, lesson: Path) -> None:
        tagged = [cell for cell in cells(lesson, "code") if "parameters" in tags(cell)]
        assert len(tagged) == 1
        assert 'result_path = ""' in source(tagged[0]), "a batch sets this parameter"

    def test_shape(self, lesson: Path) -> None:
        markdown, code = cells(lesson, "markdown"), cells(lesson, "code")
        headings = [line for cell in markdown for line in source(cell).splitlines()]
        assert sum(line.startswith("# ") for line in headings) == 1
        for cell in code:
            assert len(source(cell).splitlines()) <= 15, f"at most 15 lines: {cell['id']}"
            assert "print(" not in source(cell), f"show a table or a formula: {cell['id']}"
        kinds = "".join(
            cell["cell_type"][0] for cell in json.loads(lesson.read_text(encoding="utf-8"))["cells"]
        )
        assert "ccc" not in kinds, "no three code cells in a row: say between them what comes"

    def test_required_parts(self, lesson: Path) -> None:
        text = "\n".join(source(cell) for cell in cells(lesson, "markdown"))
        parts = ("By the end you can", "Takeaway", "Predict", "## Exercises", "leaves out")
        missing = [part for part in parts if part.lower() not in text.lower()]
        code = "\n".join(source(cell) for cell in cells(lesson, "code"))
        missing += [part for part in ("write_result(", "check(") if part not in code]
        assert not missing, "these words stand in each lesson"

    def test_links_lead_somewhere(self, lesson: Path) -> None:
        for cell in cells(lesson, "markdown"):
            for target in re.findall(r"\]\(([^)#:]+)\)", source(cell)):
                assert (lesson.parent / target).is_file(), target

    def test_each_number_in_the_prose_stands_in_an_output(self, lesson: Path) -> None:
        # In an output a number may touch a letter, as in "8.1B".
        shown = [value(number) for number in ANY_NUMBER.findall(output_text(lesson))]
        for cell in cells(lesson, "markdown"):
            for number in numbers(prose(cell)):
                decimals = len(number.partition(".")[2])
                if not decimals and value(number) <= SMALL:
                    continue
                rounded = {round(one, decimals) for one in shown}
                assert value(number) in rounded, f"{number} in: {source(cell)[:200]}"

    def test_each_number_with_a_unit_stands_in_an_output_as_that_quantity(
        self, lesson: Path
    ) -> None:
        shown: dict[str, set[float]] = {}
        text = output_text(lesson)
        for number, unit in WITH_UNIT.findall(text):
            kind, scale = SCALES[unit]
            shown.setdefault(kind, set()).add(value(number) * scale)
        # In a table a column's head, and in a formula its symbol, gives the unit of large numbers.
        shown.setdefault("byte", set()).update(
            one for one in map(value, ANY_NUMBER.findall(text)) if one >= 1000
        )
        powers = re.findall(r"(\d[\d.]*) \\times 10\^\{(\d+)\}", text)
        shown["byte"].update(float(digits) * 10 ** int(power) for digits, power in powers)
        for cell in cells(lesson, "markdown"):
            for number, unit in WITH_UNIT.findall(prose(cell)):
                kind, scale = SCALES[unit]
                decimals = len(number.partition(".")[2])
                rounded = {round(one / scale, decimals) for one in shown.get(kind, set())}
                assert value(number) in rounded, f"{number} {unit} in: {source(cell)[:200]}"

    def test_prose_of_the_reader_has_no_numbers(self, lesson: Path) -> None:
        for cell in cells(lesson, "markdown"):
            if "reader" in tags(cell):
                assert not numbers(prose(cell)), source(cell)

    def test_every_column_has_a_name_and_no_output_shows_bare_marks(self, lesson: Path) -> None:
        for cell in cells(lesson, "code"):
            for output in cell["outputs"]:
                page = "".join(output.get("data", {}).get("text/html", ""))
                assert not re.search(r"<th[^>]*>\s*</th>", page), cell["id"]
                assert "`" not in re.sub(r"<[^>]+>", "", page), cell["id"]

    def test_no_picture_without_its_text(self, lesson: Path) -> None:
        for cell in cells(lesson, "code"):
            for output in cell["outputs"]:
                data = output.get("data", {})
                assert "image/png" not in data, "JupyterLab would show it without its text"
                for alt in PICTURE.findall("".join(data.get("text/html", ""))):
                    assert len(alt) > 40
                    assert "".join(data["text/plain"]) == unescape(alt)


def test_readme_guide_and_map_know_every_lesson() -> None:
    """The README and lesson 00's map ask the same question of each; the guide has its times."""
    lists = (ROOT / "README.md").read_text(encoding="utf-8").replace("(notebooks/", "(")
    course_map = "".join(map(source, cells(LESSONS[0], "markdown")))
    guide = (ROOT / "docs" / "instructor.md").read_text(encoding="utf-8")
    for path in LESSONS:
        title = source(cells(path, "markdown")[0]).splitlines()[0].removeprefix("# ")
        rows = [line for line in lists.splitlines() if line.startswith(f"| [{title}]({path.name}")]
        assert len(rows) == 1, f"{title} needs its row in the README"
        here = rows[0].replace(f"[{title}]({path.name})", title) if path == LESSONS[0] else rows[0]
        assert here in course_map, f"{title} needs the README's row in lesson 00's map"
        assert f"| {title} |" in guide, f"{title} needs its times in docs/instructor.md"


def test_each_lesson_leads_to_the_next() -> None:
    for path, following in pairwise(LESSONS):
        text = "".join(map(source, cells(path, "markdown")[-1:]))
        assert f"Next: [{following.stem[:2]} " in text, f"{path.name} ends without {following.name}"
        assert f"]({following.name})" in text


def help_of(name: str) -> str:
    """Say what a parameter is by the glossary's words, with its unit where they lack it."""
    entry = quantity(name)
    words = entry.unit.partition("/")[0], plural(entry.unit, 2)
    if not entry.unit or any(word in entry.label for word in words):
        return entry.label
    unit = "as a share" if entry.unit == "share" else f"in {plural(entry.unit, 2)}"
    return f"{entry.label}, {unit}"


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_papermill_s_help_is_the_glossary_s(path: Path) -> None:
    """`papermill --help-notebook` prints the comments of the parameters cell."""
    told = {name: found["help"] for name, found in inspect_notebook(str(path)).items()}
    assert all(told.values())
    for name, text in told.items():
        if name in QUANTITIES and "0 takes" not in text and "at 0" not in text:
            assert text == help_of(name), f"the comment of {name}: the glossary's label and unit"
