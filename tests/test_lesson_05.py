"""Lesson 05: the course's systems, the answers by hand, and what the page says of them."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from estimator import catalog
from estimator.glossary import quantity
from estimator.lesson import lesson_05 as lesson
from estimator.lesson import write_result
from estimator.lesson.lesson_05_course import COURSE_SYSTEMS, chain_of
from estimator.lesson.lesson_05_panel import PARTS, SHOWN, service_panel
from estimator.lesson.lesson_05_report import report_html
from estimator.lesson.lesson_05_words import label_of, labels_of, short_usd, unit_price
from estimator.uncertainty import Range
from estimator.units import share_text
from tests.golden import golden
from tests.seen import column
from tests.services import given

TEXT = lesson.case("text")


# --- The systems, and what the course has published -----------------------------------------


def test_every_system_of_the_course_is_declared() -> None:
    assert tuple(catalog.systems())[: len(COURSE_SYSTEMS)] == COURSE_SYSTEMS
    for system in catalog.systems().values():
        assert set(system.sources) == {"model", "prompt_tokens", "passes", "sizes"}
        assert system.prompt_tokens == tuple(sorted(system.prompt_tokens))
        assert system.passes == tuple(sorted(system.passes))


@pytest.mark.parametrize("key", COURSE_SYSTEMS)
def test_published_figures_are_those_of_the_golden_rows_and_our_chain_gives_them(key: str) -> None:
    rows = golden()
    for entry in catalog.published(key):
        row = rows[entry.golden]
        assert entry.text.startswith(row["published"].split("/")[0])
        computed = chain_of(lesson.case(key), entry.quantity)
        assert computed == pytest.approx(float(row["exact"]), rel=1e-9)
        assert len(entry.reason) > 10


def test_the_course_s_rows_on_whole_systems_are_all_shown() -> None:
    shown = {entry.golden for key in COURSE_SYSTEMS for entry in catalog.published(key)}
    whole = {i for i in golden() if re.match(r"store-|gpus-text-|egress-text-", i)}
    assert whole <= shown


def test_where_nothing_is_published_the_table_says_so() -> None:
    table = lesson.published_table(*COURSE_SYSTEMS)
    rows = [[str(cell) for cell in row] for row in table.rows]
    silent = {row[0] for row in rows if row[2] == "none published"}
    assert {"image captioning", "speech recognition"} <= silent
    assert {row[0] for row in rows} == {catalog.system(key).name for key in COURSE_SYSTEMS}
    compared = [[str(cell) for cell in row] for row in lesson.published_table().rows]
    apart = [row for row in compared if row[5] != "By the rounding alone."]
    assert apart == [
        row for row in rows if row[2] != "none published" and not row[5].startswith("None")
    ]
    same = [row for row in rows if row[5].startswith("None")]
    for told in (row for row in compared if row not in apart):
        parts = zip(*(cell.split("; ") for cell in told[1:3]), strict=True)
        assert [(told[0], *part) for part in parts] == [
            tuple(row[:3]) for row in same if row[0] == told[0]
        ]
        assert told[3:5] == ["the same", "the same"]
    assert {row[0] for row in same} == {row[0] for row in compared if row not in apart}
    assert all(row[5] for row in rows)
    by_name = {(row[0], row[1]): row for row in rows}
    image = by_name[("text to image", "number of accelerators")]
    assert image[2:4] == ["61", "61 accelerators"]
    video = by_name[("text to video", "number of accelerators")]
    assert video[2:4] == ["8,208", "8,180 accelerators"]


def test_prices_are_dated_and_have_sources() -> None:
    for price in catalog.prices().values():
        assert price.range.low <= price.range.likely <= price.range.high
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", price.date)
        assert price.source
        assert price.place
        assert price.accelerator in catalog.accelerators()
    assert all(re.match(r"20\d\d", guess.date) for guess in catalog.guesses().values())
    table = lesson.price_table()
    listed = {str(row[0]) for row in table.rows}
    assert listed == set(catalog.prices())
    said = table.note.partition("catalog for ")[2].partition(":")[0].split(", ")
    assert listed.isdisjoint(said)
    assert listed | set(said) == set(catalog.accelerators())


# --- The answers, by hand -------------------------------------------------------------------


def test_the_text_service_by_hand() -> None:
    p = TEXT.point
    assert p["daily_bytes"] == 2_500_000_000_000
    assert p["kept_bytes"] == 75_000_000_000_000 + 1_000_000_000_000
    assert p["weight_bytes"] == 6_000_000_000
    assert p["requests_per_s"] == pytest.approx(1e9 / 86_400)
    assert p["egress_bits_per_s"] == pytest.approx(1e9 / 86_400 * 10_000 * 8)
    assert p["peak_egress_bits_per_s"] == pytest.approx(2 * p["egress_bits_per_s"])
    assert p["accelerators"] == 223  # 2 x 3e9 x 1,000 / 312e12 s x 11,574 a second are 222.58
    fleet = p["planned_accelerators"]
    assert p["accelerator_usd_per_month"] == pytest.approx(fleet * 720 * 2.79)
    assert p["storage_usd_per_month"] == pytest.approx(76_000 * 0.021)
    assert p["egress_usd_per_month"] == pytest.approx(3e10 * 10_000 / 1e9 * 0.05)
    assert p["usd_per_item"] == pytest.approx(p["usd_per_month"] / 3e10)
    assert p["usd_per_million_passes"] == pytest.approx(p["usd_per_item"] / 500 * 1e6)
    assert p["power_watts"] == pytest.approx(fleet * 400 * 1.34 * 1.56)
    cache = p["batch"] * 1000 * 114_688
    assert p["replica_bytes"] == pytest.approx(6e9 + 2e9 + cache)


def test_a_picture_costs_its_patches() -> None:
    one = lesson.case("image")
    # 100 steps, 2 FLOP a parameter and patch, 11,574 a second, at 312 TFLOP/s.
    busy = 100 * 2 * 8.1e9 * 4096 / 312e12 * 1e9 / 86_400
    assert one.point["accelerators"] == pytest.approx(busy, abs=1)
    assert one.point["planned_accelerators"] > 2 * busy / 0.75


def test_the_same_load_sized_one_by_one() -> None:
    assert column(lesson.check_table(), "ratio")[:4] == ["1.000"] * 4


def test_a_video_s_price_is_near_what_a_host_asks() -> None:
    *_, (_, there, here, ratio, where) = lesson.check_table().rows
    # 128 passes of 44,776 tokens take 475 s of an H100 at 3.99 USD an hour.
    assert (there, here, ratio) == ("0.41", "0.527", "1.284")
    assert "replicate.com" in str(where)


@pytest.mark.parametrize("key", ["text", "captioning", "retrieval", "recognition"])
def test_answers_of_one_token_are_paid_for_by_their_prompts(key: str) -> None:
    """A replica works through one prompt after the other, also where nothing follows."""
    floor, plans = [], []
    for passes in (1, 1.5, 2, 3, 10):
        point = lesson.case(key, accelerator="H100-SXM", passes=passes, peak_factor=1).point
        floor.append(point["accelerators"])
        plans.append(point["planned_accelerators"])
    assert all(plan > least for plan, least in zip(plans, floor, strict=True))
    assert plans[0] <= plans[1] <= plans[2]
    assert plans[0] > 0.7 * plans[2]


def test_a_floor_is_under_the_plan_for_every_system() -> None:
    for key in COURSE_SYSTEMS:
        point = lesson.case(key).point
        assert point["accelerators"] < point["planned_accelerators"]


def test_a_system_of_one_s_own_is_a_few_lines() -> None:
    desk = replace(catalog.system("text"), key="desk", name="help desk", passes=(90, 100, 110))
    one = lesson.case(desk, users=1_000_000)
    assert one.point["usd_per_month"] < lesson.case("text", users=1_000_000).point["usd_per_month"]
    assert "Help desk" in lesson.your_service(one, one.intervals(100)).text
    assert "help desk" in report_html(one, one.intervals(100))


def test_a_system_of_one_s_own_is_served_as_the_parameters_say() -> None:
    desk = replace(catalog.system("text"), key="desk", name="help desk", passes=(90, 100, 110))
    mine = {"accelerator": "H100-SXM", "precision": "FP8", "model": "llama-3.1-8b"}
    one = lesson.your_case(given(**mine, peak_factor=3), desk)
    assert (one.system.name, one.accelerator, one.precision) == ("help desk", "H100-SXM", "FP8")
    assert (one.x["peak_factor"], one.x["passes"]) == (3, 100)
    assert one.x["n_params"] == 8_030_261_248


def test_the_page_says_which_bytes_it_counts() -> None:
    assert "A request brings 2 KB, its answer takes 10 KB, and 2 KB is stored" in (
        lesson.one_page(TEXT, TEXT.intervals()).note
    )
    twice = lesson.case("image").ranged(Range("size_factor", 1, 2, 4))
    note = lesson.one_page(twice, twice.intervals(50)).note
    assert "brings 4 KB, its image takes 2 MB, and 2 MB is stored, as the system declares" in note


@pytest.mark.parametrize("key", COURSE_SYSTEMS)
def test_an_answer_has_one_name_on_page_panel_and_in_the_result(key: str) -> None:
    one = lesson.case(key)
    ends = one.intervals(50)
    table = write_result("05-size-a-service", "", given(), lesson.flat(ends), labels_of(one),
                         **one.point)  # fmt: skip
    named = dict(zip(column(table, "name"), column(table, "what it is"), strict=True))
    assert len(set(named.values())) == len(named)
    shown = [(part, name) for part, names in lesson.PAGE for name in names]
    page = column(lesson.one_page(one, ends), "answer")
    for (part, name), label in zip(shown, page, strict=True):
        assert label.removeprefix(f"{part}: ") == named[name]
    answers, parts = service_panel(given(system=key)).last.tables
    assert column(answers, "answer") == [named[name] for name in SHOWN]
    assert column(parts, "of a month")[:-1] == [named[name] for name in PARTS]
    report = report_html(one, ends)
    assert [label for label in page if label not in report] == []
    price = "usd_per_million_passes" if one.system.gives_tokens else "usd_per_item"
    thing = named[price].removeprefix("cost of a ")
    said = unit_price(one, one.point)
    assert said.endswith(f"for a {thing}" if one.system.gives_tokens else one.system.item)
    # The glossary's words, but where these leave open which of several is meant.
    own = {name for name, label in named.items() if label != quantity(name).label}
    usual = {"accelerators", "batch"}
    assert own == (usual | {price} if one.system.gives_tokens else usual)


def test_tables_name_their_columns_as_the_page_names_its_answers() -> None:
    named = {name: label_of(TEXT, name) for name in TEXT.point}
    wanted = (
        (lesson.accelerators_table(TEXT), ("planned_accelerators", "usd_per_month")),
        (
            lesson.growing_table(TEXT.system, 1e6, requests_per_user=10),
            ("planned_accelerators", "usd_per_million_passes"),
        ),
        (
            lesson.systems_table(),
            ("kept_bytes", "planned_accelerators", "egress_bits_per_s", "usd_per_month",
             "usd_per_million_passes", "power_watts"),
        ),
    )  # fmt: skip
    for table, names in wanted:
        heads = [re.split(r",| in (?:millions of )?USD", head)[0] for head in table.headers]
        assert [named[name] for name in names] == [h for h in heads if h in named.values()]
    price = quantity("usd_per_accelerator_hour").label
    assert price in lesson.accelerators_table(TEXT).headers


def test_a_tiny_load_is_not_told_as_none() -> None:
    one = lesson.case("text", users=1, requests_per_user=0.001)
    shown = "".join(map(str, lesson.one_page(one, one.intervals(100)).rows))
    assert "less than 0.01 bit/s" in shown
    assert "'0 " not in shown


def test_a_large_model_stands_on_as_many_as_make_its_plan_cheap() -> None:
    one = lesson.case("text", model="llama-3.1-70b")
    bills = {w: replace(one, width=w).point["usd_per_month"] for w in (2, 4, 8)}
    assert one.width == min(bills, key=lambda width: bills[width]) == 4
    assert one.cheaper_width is None
    assert bills[4] < bills[2] / 2  # two hold the weights, and next to no caches
    note = lesson.one_page(one, one.intervals(50)).note
    assert "4 to a replica. A request brings" in note


def test_a_wider_replica_that_saves_little_is_told_with_its_price() -> None:
    one = lesson.case("text", model="llama-3.1-70b", prompt_tokens=4_000)
    wider = replace(one, width=8).point["usd_per_month"]
    assert (one.width, one.cheaper_width) == (4, (8, wider))
    assert 0.8 < wider / one.point["usd_per_month"] < 0.99
    note = lesson.one_page(one, one.intervals(50)).note
    said = f"with 8 to each, a month would cost {short_usd(wider)} at likely values."
    assert f"4 to a replica. Wider replicas would save 20 % at most: {said}" in note


def test_draws_with_one_request_at_a_time_are_told() -> None:
    one = lesson.case("text", model="llama-3.1-8b", accelerator="RTX-4090", prompt_tokens=16_000)
    note = lesson.one_page(one, one.intervals()).note
    alone = float((one.drawn()["batch"] <= 1).mean())
    assert 0.05 < alone < 0.5
    assert f"In {share_text(alone)} of the draws a replica serves one request at a time" in note
    for other in (TEXT, lesson.case("text", accelerator="RTX-4090"), lesson.case("image")):
        note = lesson.one_page(other, other.intervals()).note
        assert "to a replica. A request brings" in note


def test_requests_longer_than_a_model_was_made_for_are_told() -> None:
    for tokens, told in ((300, False), (3_000, True)):
        one = lesson.case("text", model="gpt2", prompt_tokens=tokens)
        note = lesson.one_page(one, one.intervals(50)).note
        assert ("was made for sequences of 1,024 tokens" in note) == told


def test_a_rate_s_ends_are_told_in_its_own_unit() -> None:
    one = lesson.case("text", users=50, requests_per_user=3)
    ends = lesson.flat(one.intervals())
    table = write_result("05-size-a-service", "", given(), ends, labels_of(one), **one.point)
    rates = next(row[2:] for row in table.rows if row[0] == "requests_per_s")
    assert len(rates) == 3
    assert all(str(cell).endswith("requests/s") for cell in rates)


def test_any_length_of_a_prompt_can_be_sized() -> None:
    """A range whose declared ends are its middle stays one, whatever it is moved to."""
    for system in ("recognition", "captioning", "text"):
        for tokens in range(1, 2_100, 7):
            for doubt in (1, 0.3):
                one = lesson.case(system, prompt_tokens=tokens, doubt=doubt)
                found = next(r for r in one.ranges if r.name == "prompt_tokens")
                assert found.low <= tokens == found.likely <= found.high


def test_a_price_that_the_catalog_lacks_is_told_to_be_the_reader_s() -> None:
    one = lesson.case("text", accelerator="L4", usd_per_accelerator_hour=0.8)
    said = "No price of L4 with a source stands in the catalog: what it costs here follows from "
    assert f"{said}the reader's 0.8 USD an hour." in lesson.one_page(one, one.intervals(50)).note
    assert said in report_html(one, one.intervals(50))


def test_the_engine_s_line_is_the_parts_of_its_step_and_little_s_law() -> None:
    table = lesson.step_table(TEXT)
    parts = [float(text.split()[0]) for text in column(table, "time")]
    assert sum(parts) == pytest.approx(float(str(table.total[1]).split()[0]), abs=0.01)
    assert parts[1] == pytest.approx(400 * 750 * 114_688 / (0.843 * 2.039e12) * 1e3, rel=0.01)
    assert float(str(table.total[1]).split()[0]) < 50
    assert "A request takes 25.25 s" in table.note
    # By hand, with 25.25 s for a request and 400 in a replica.
    needed = math.ceil(2e9 / 86_400 * 25.25 / 400)
    line = next(row for row in lesson.chain_table(TEXT).rows if "an engine" in str(row[0]))
    assert str(line[1]) == f"{needed:,}"
    assert f"rounded up, {line[1]} replicas. The 53.88 GB that one uses: " in table.note
    caches = f"{400 * 1_000 * 114_688 / 1e9:.2f}"
    assert table.note.endswith(f"weights 6.00 GB, caches {caches} GB, working space 2.00 GB.")


def test_every_accelerator_with_a_price_is_held_against_the_reader_s() -> None:
    table = lesson.accelerators_table(TEXT)
    assert sorted(column(table, "accelerator")) == sorted(catalog.prices())
    shares = [float(text.removesuffix(" %")) for text in column(table, table.headers[-1])]
    assert shares == sorted(shares)
    listed = dict(zip(column(table, "accelerator"), shares, strict=True))
    assert listed["A100-SXM-80GB"] == 100
    other = lesson.case("text", accelerator="L40S").point["usd_per_month"]
    assert listed["L40S"] == pytest.approx(100 * other / TEXT.point["usd_per_month"], abs=0.5)
    assert "No price is known of" in table.note
    assert "MI300X" in table.note
