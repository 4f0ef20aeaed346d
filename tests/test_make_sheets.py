"""`make sheets`: thirty sheets and one key, the same with the same seed, told when it cannot be."""

import html
import re
from pathlib import Path

import pytest

from estimator.lesson.exercise_sheets import KINDS
from estimator.lesson.exercise_sheets.kind import Kind
from tools import sheets
from tools.page import outside
from tools.set_up import CannotError

NAMES = ["key.html", "sheets-with-solutions.html", "sheets.html"]
ROOM = ["--students", "30", "--seed", "2026", "--lessons", "01-04"]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build") / "new" / "sheets"
    sheets.main([*ROOM, "--out", str(folder)])
    return folder


@pytest.fixture(scope="module")
def drawn() -> sheets.SheetSet:
    return sheets.draw(30, 2026, 8, ("01", "02", "03", "04"))


def test_all_exercises_of_a_lesson_can_be_asked_for(tmp_path: Path) -> None:
    options = ["--students", "1", "--lessons", "00", "--exercises", "all"]
    sheets.main([*options, "--out", str(tmp_path)])
    kinds = [kind for kind in KINDS if kind.lesson == "00"]
    assert section(page(tmp_path, NAMES[-1]), "01").count("<h3") == len(kinds) > 8


def page(folder: Path, name: str) -> str:
    return html.unescape((folder / name).read_text(encoding="utf-8"))


def section(text: str, number: str) -> str:
    start = f'<section class="sheet[^"]*" aria-labelledby="sheet-{number}">'
    found = re.search(f"(?s){start}.*?</section>", text)
    assert found
    return found[0]


def test_every_sheet_has_the_same_kinds_and_questions_of_its_own(drawn: sheets.SheetSet) -> None:
    assert [sheet.number for sheet in drawn.sheets] == [f"{n:02d}" for n in range(1, 31)]
    titles = {tuple(exercise.title for exercise in sheet.exercises) for sheet in drawn.sheets}
    assert len(titles) == 1
    questions = [exercise.question for sheet in drawn.sheets for exercise in sheet.exercises]
    assert len(set(questions)) == len(questions) == 240


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_alone_has_numbers_for_nearly_all_of_a_room(kind: Kind) -> None:
    asked: set[str] = set()
    for student in range(30):
        asked.add(sheets._pose(kind, f"1/{student}", asked).question)
    assert len(asked) >= 28


def test_lessons_take_turns(drawn: sheets.SheetSet) -> None:
    kinds = sheets.choose_kinds(("01", "02", "03", "04"), 8, 2026)
    assert [kind.lesson for kind in kinds] == ["01", "01", "02", "02", "03", "03", "04", "04"]
    titles = [exercise.title for exercise in drawn.sheets[0].exercises]
    assert len(set(titles)) == 8
    assert sheets.choose_kinds(("01", "02", "03", "04"), 8, 7) != kinds
    everything = sheets.choose_kinds(sheets.LESSONS, len(KINDS), 1)
    assert everything == list(KINDS)


def test_a_sheet_asks_and_the_key_answers(room: Path, drawn: sheets.SheetSet) -> None:
    asked, solved, key = (page(room, name) for name in reversed(NAMES))
    for sheet in drawn.sheets:
        for exercise in sheet.exercises:
            number = sheet.number
            answer = sheets.exact(exercise)
            assert exercise.question in section(asked, number)
            assert exercise.solution not in section(asked, number)
            for text in (exercise.question, answer, exercise.solution):
                assert text in section(solved, number)
                assert text in section(key, number)
            assert all(mistake.advice in section(key, number) for mistake in exercise.mistakes)
    table = re.search(r"(?s)<table>.*?</table>", key)
    assert table
    assert table[0].count("<tr>") == 31
    row = re.search(r'(?s)<a href="#sheet-17">17</a></th>(.*?)</tr>', table[0])
    assert row
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row[1])
    assert cells == [sheets.brief(exercise) for exercise in drawn.sheets[16].exercises]


def test_the_pages_stand_alone_and_start_each_sheet_on_a_page(room: Path) -> None:
    for name in NAMES:
        text = (room / name).read_text(encoding="utf-8")
        assert outside(text) == []
        assert text.count("<h1>") == 1
        assert text.count('<section class="sheet') == 30
        assert text.count('own-page"') == (0 if name == "key.html" else 30)
        assert re.search(r"@media print \{[^@]*@page[^@]*\.own-page \{ break-before: page;", text)


def test_the_same_options_make_the_same_bytes(room: Path, tmp_path: Path) -> None:
    sheets.main([*ROOM, "--out", str(tmp_path)])
    assert sorted(path.name for path in tmp_path.iterdir()) == NAMES
    for name in NAMES:
        assert (tmp_path / name).read_bytes() == (room / name).read_bytes()
    sheets.main(["--students", "30", "--seed", "2027", "--out", str(tmp_path)])
    assert (tmp_path / "sheets.html").read_bytes() != (room / "sheets.html").read_bytes()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--students", "0"], "--students is '0', but it must be a whole number from 1 to 500: "
         "give for example 30."),
        (["--students", "many"], "--students is 'many', but it must be a whole number"),
        (["--students", "501"], "from 1 to 500"),
        (["--students", "²"], "--students is '²'"),
        (["--seed", "-1"], "--seed is '-1', but it must be a whole number from 0 to 999,999,999"),
        (["--exercises", "12", "--lessons", "00"], "--exercises is '12', but it must be a whole "
         "number from 1 to 10: give for example 8."),
        (["--lessons", "01-99"], "--lessons is '01-99', but there are exercises for 00 to "
         f"{sheets.LESSONS[-1]}: give for example 01-04, or 00,03."),
        (["--lessons", "04-01"], "--lessons is '04-01'"),
        (["--lessons", ""], "--lessons is ''"),
        (["--colour", "red"], "Unrecognized arguments: --colour red: see python -m tools.sheets "
         "--help."),
        (["--seed"], "expected one argument: see"),
    ],
)  # fmt: skip
def test_bad_options_get_a_sentence(options: list[str], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(CannotError, match=re.escape(sentence)) as told:
        sheets.main(
            [*options, "--out", str(tmp_path / "out")] if options != ["--seed"] else options
        )
    assert "\n" not in str(told.value)
    assert not (tmp_path / "out").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(CannotError, match="which is a file: name a folder"):
        sheets.main(["--students", "1", "--out", str(tmp_path / "out")])


def test_answers_on_paper_say_their_unit() -> None:
    kinds = {kind.name: kind for kind in KINDS}
    download = kinds["download"].make(gigabytes=3, gbit=40)
    assert (sheets.unit(download), sheets.exact(download)) == ("seconds", "0.6 seconds = 600 ms")
    assert (sheets.brief(download), sheets.counted(download)) == ("600 ms", "time")
    fleet = kinds["fleet_with_reserve"].make(busy=101, use=0.7, spare=4)
    assert (sheets.brief(fleet), sheets.exact(fleet)) == ("149", "149 accelerators")
    assert sheets.nearness(fleet) == "exactly"
    rate = kinds["month_to_second"].make(millions=2880, days=30)
    assert (sheets.brief(rate), sheets.exact(rate)) == ("1,111", "1,111.11 requests/s")
    size = kinds["size_at"].make(key="llama-3.1-8b", precision="BF16")
    assert sheets.exact(size) == "16,060,522,496 bytes = 16.06 GB (14.96 GiB)"
    assert (sheets.brief(size), sheets.nearness(size)) == ("16.06 GB", "give or take 0.5 %")


def test_one_sheet_of_one_lesson_is_named_in_the_singular(tmp_path: Path) -> None:
    sheets.main(["--students", "1", "--lessons", "3", "--out", str(tmp_path)])
    assert "1 sheet of lesson 03:" in page(tmp_path, "sheets.html")


def test_a_lesson_with_few_kinds_gives_all_of_them(tmp_path: Path) -> None:
    sheets.main(["--students", "2", "--lessons", "06", "--out", str(tmp_path)])
    text = page(tmp_path, "sheets.html")
    kinds = sum(kind.lesson == "06" for kind in KINDS)
    assert 0 < kinds < 8
    assert "2 sheets of lesson 06:" in text
    assert text.count("<h3") == 2 * kinds
