"""Lesson 01's own tables, chart and panel; its exercises have a module of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from estimator import catalog
from estimator.catalog.configurations import architecture
from estimator.catalog.shapes import shape
from estimator.lesson.controls import OWN, Choice, Number
from estimator.lesson.figures import Picture, grouped_bars
from estimator.lesson.inputs import Inputs
from estimator.lesson.lesson_01_exercises import (
    EXERCISES,
    gib_of,
    how_many_hold,
    size_at_int8,
    size_with_scales,
)
from estimator.lesson.panel import Answer, Panel
from estimator.lesson.progress import TASKS
from estimator.lesson.prose import Prose
from estimator.lesson.tables import Bar, Table, Unbroken, assumptions, comparison, unbroken
from estimator.model_storage import (
    STORAGE,
    accelerators_to_hold,
    load_seconds,
    replicated_bytes,
    weight_bytes,
)
from estimator.units import (
    BITS_PER_BYTE,
    GB,
    GiB,
    bytes_text,
    number_text,
    quantity_text,
    seconds_text,
    share_text,
    size_text,
)

__all__ = ["EXERCISES", "gib_of", "how_many_hold", "size_at_int8", "size_with_scales"]

GUIDE_PARAMS = shape("guide").n_params
COURSE_MODELS = tuple(key for key in catalog.models() if key.startswith("course-"))
FITS_ON = (
    "T4", "RTX-4090", "A100-SXM-40GB", "L40S", "A100-SXM-80GB", "H100-SXM", "H200-SXM", "MI300X",
)  # fmt: skip
LOAD_FROM = ("hdd_read", "nvme_pcie4_read", "ethernet_10g", "ethernet_100g")


def storage_assumptions() -> Table:
    """What the lesson takes for granted, each with its value and its source."""
    return assumptions(
        (
            ("a byte", quantity_text(BITS_PER_BYTE, "bit"), "IEC 80000-13"),
            ("GB, and GiB", f"{number_text(GB)} and {number_text(GiB)} bytes", "IEC 80000-13"),
            (
                "precision",
                "the same for every parameter; 'Fewer bits, more experts' adds scales",
                STORAGE,
            ),
            ("copies of the weights", "1; for more traffic, set replicas", STORAGE),
            ("what is in memory", "the weights alone, until lesson 03", "a floor, worked out here"),
        )
    )


def your_model(given: Inputs) -> Prose:
    """The reader's model in one paragraph that follows the reader's numbers."""
    size = weight_bytes(given.n_params, given.bits_per_weight)
    copies = replicated_bytes(size, given.replicas)
    text = (
        f"**{quantity_text(given.n_params, 'parameter')} at "
        f"{quantity_text(given.bits_per_weight, 'bit')}: "
        f"{bytes_text(size)}.** {fit_sentence(size, given.accelerator)}"
    )
    if given.replicas > 1:
        text += " Every copy needs a place of its own."
        text += f" The {number_text(given.replicas)} copies together are {bytes_text(copies)}."
    return Prose(text)


def point_results(columns: Mapping[str, Any]) -> Mapping[str, Any]:
    """The lesson's results for many models at once, an array for each name of its result file."""
    size = weight_bytes(columns["n_params"], columns["bits_per_weight"])
    return {
        "weight_bytes": size,
        "replicated_bytes": replicated_bytes(size, columns["replicas"]),
    }


def course_sizes() -> dict[str, tuple[int, int]]:
    """Bytes of the course's four models at FP16 and at FP32."""
    models = [catalog.model(key) for key in COURSE_MODELS]
    return {m.name: (weight_bytes(m.n_params, 16), weight_bytes(m.n_params, 32)) for m in models}


def course_table() -> Table:
    """The course's table of four models, computed."""
    rows = [(name, *map(size_text, sizes)) for name, sizes in course_sizes().items()]
    return Table(("model", "at FP16", "at FP32"), rows, "Storage of the course's models")


def course_chart() -> Picture:
    """The course's chart: the same four models as bars, with one accelerator's memory."""
    sizes = course_sizes()
    columns = {"FP16": [v[0] for v in sizes.values()], "FP32": [v[1] for v in sizes.values()]}
    memory = catalog.accelerator("RTX-4090").memory_bytes
    said = "; ".join(f"{n} {' and '.join(map(size_text, both))}" for n, both in sizes.items())
    return grouped_bars(
        list(sizes),
        {name: [value / GB for value in values] for name, values in columns.items()},
        title="FP32 takes twice the bytes of FP16",
        axis="weights, GB",
        texts={name: [size_text(value) for value in values] for name, values in columns.items()},
        limit=(memory / GB, f"an RTX 4090 holds {size_text(memory)}"),
        alt=f"Bars of the weights at FP16 and FP32: {said}. A line marks {size_text(memory)}.",
    )


def counts_table(guide_params: int, gpt2_params: int) -> Table:
    """Counts to the last digit beside published ones; names, and rows, beside what they leave out.

    Stable Diffusion 3.5 Large also loads two CLIP encoders, which are not counted here.
    """
    gpt2, llama = catalog.model("gpt2-medium"), catalog.model("llama-3.2-3b")
    image, video = catalog.model("course-sd-3.5-large"), catalog.model("course-mochi-1-t5")
    ratio = number_text(gpt2_params / gpt2.n_params)
    encoder = architecture("t5-v1.1-xxl").n_params
    return comparison(
        (
            ("the guide's decoder", number_text(GUIDE_PARAMS), guide_params, "parameter",
             f"ratio {number_text(guide_params / GUIDE_PARAMS)}, to the guide's count"),
            (gpt2.name, number_text(gpt2.n_params), gpt2_params, "parameter",
             f"ratio {ratio}, to KerasHub's count"),
            (llama.name, "3B", architecture("llama-3.2-3b").n_params, "parameter",
             "from its configuration; a name is not a count"),
            (f"{llama.name} at FP16", "6 GB", weight_bytes(llama.n_params, 16), "byte",
             "so the course's first row is 7 % short"),
            ("T5-XXL encoder", "4.7B", encoder, "parameter",
             "from its configuration; truncated by the course"),
            (image.name, size_text(weight_bytes(image.n_params, 16)),
             weight_bytes(image.n_params + encoder, 16), "byte",
             "the course leaves the encoder out"),
            (video.name, size_text(weight_bytes(video.n_params, 16)),
             weight_bytes(10_000_000_000 + encoder, 16), "byte", "the course counts it"),
        )
    )  # fmt: skip


def gigabytes_table() -> Table:
    """Printed sizes of a model and of memory beside their bytes, divided by both units."""
    h100 = catalog.accelerator("H100-SXM")
    sizes: list[tuple[str, str, float]] = [
        (f"the guide's model at {name}", printed, weight_bytes(GUIDE_PARAMS, bits))
        for name, bits, printed in (("FP16", 16, "0.66 GB"), ("INT8", 8, "0.33 GB"))
    ]
    for a in map(catalog.accelerator, ("RTX-4090", "A100-SXM-80GB", h100.name)):
        sizes.append((f"{a.name}, by its driver", size_text(a.sold_bytes), a.driver_bytes or 0))
    by_framework = h100.framework_bytes or 0
    sizes.append((f"{h100.name}, to a framework", size_text(h100.sold_bytes), by_framework))
    rows = [
        (what, Unbroken(printed), number_text(size), Unbroken(f"{number_text(size / GB)} GB"),
         Unbroken(f"{number_text(size / GiB)} GiB"))
        for what, printed, size in sizes
    ]  # fmt: skip
    headers = ("what", "printed, or sold as", "bytes", "divided by 10^9", "divided by 2^30")
    return Table(headers, rows)


def mixture_table() -> Table:
    """Stored and active parameters of Mixtral 8x7B, and the time to read either once."""
    model, h200 = catalog.model("mixtral-8x7b"), catalog.accelerator("H200-SXM")
    counted = architecture("mixtral-8x7b")
    rows = []
    for name, params, published in (
        ("stored", counted.n_params, number_text(model.n_params)),
        ("active for a token", counted.n_active_params,
         f"about {number_text(model.n_active_params or 0)}"),
    ):  # fmt: skip
        size = weight_bytes(params, 16)
        read = seconds_text(load_seconds(size, h200.bytes_per_s))
        rows.append((name, number_text(params), published, bytes_text(size), Unbroken(read)))
    headers = (model.name, "computed", "published", "at BF16", "read once by an H200")
    return Table(headers, rows)


def precision_table(n_params: float) -> Table:
    """Every precision of the catalog: bits a weight, bytes a weight, and bytes of the model."""
    rows = [
        (p.name, number_text(p.bits_per_weight), number_text(p.bits_per_weight / 8),
         bytes_text(weight_bytes(n_params, p.bits_per_weight)), p.use)
        for p in catalog.precisions().values()
    ]  # fmt: skip
    headers = ("precision", "bits a weight", "bytes a weight", "weights", "used for")
    caption = f"{number_text(n_params)} parameters at each precision"
    return Table(headers, rows, caption, left=frozenset({"used for"}))


def fit_table(size_bytes: float) -> Table:
    """What the weights fit on: share of each accelerator's memory, or how many hold them."""
    rows = []
    for name in FITS_ON:
        memory = catalog.accelerator(name).memory_bytes
        needed = int(accelerators_to_hold(size_bytes, memory))
        share = size_bytes / memory
        over = f"does not fit, {needed:,} needed" if needed > 1 else ""
        rows.append((name, bytes_text(memory), Bar(share, unbroken(share_text(share)), over)))
    headers = ("accelerator", "memory", "filled by the weights")
    return Table(headers, rows, "What it fits on", left=frozenset({headers[2]}))


def load_table(size_bytes: float) -> Table:
    """How long the weights take from a disk, over a network, and out of an accelerator's memory."""
    h200 = catalog.accelerator("H200-SXM")
    rates = [(rate.meaning, rate.value) for rate in map(catalog.rate, LOAD_FROM)]
    rates.append((f"memory of an {h200.name}", h200.bytes_per_s))
    rows = [
        (what, Unbroken(quantity_text(rate, "byte/s")),
         Unbroken(seconds_text(load_seconds(size_bytes, rate))))
        for what, rate in rates
    ]  # fmt: skip
    headers = ("from", "rate", "time")
    return Table(headers, rows, f"Moving {bytes_text(size_bytes)} once, at full rate: a floor")


def fit_sentence(size_bytes: float, name: str) -> str:
    """Say whether weights fit on one accelerator, and how many hold them if not."""
    memory = catalog.accelerator(name).memory_bytes
    needed = int(accelerators_to_hold(size_bytes, memory))
    if needed <= 1:
        left = memory - size_bytes
        return f"They fit on one {name} and leave {bytes_text(left)} of it for everything else."
    return f"They do not fit on one {name} of {bytes_text(memory)}: {needed} hold them together."


def storage_answer(
    model: str, n_params: float, precision: str, bits_per_weight: float, replicas: float
) -> Answer:
    """The panel's answer: one copy, all copies, what one copy fits on, and the task's score."""
    size = weight_bytes(n_params, bits_per_weight)
    name = quantity_text(n_params, "parameter") if model == OWN else catalog.model(model).name
    stored = f"{quantity_text(bits_per_weight, 'bit')} a weight" if precision == OWN else precision
    sentence = f"{name} at {stored}: {bytes_text(size)}"
    if replicas > 1:
        copies = replicated_bytes(size, replicas)
        sentence += f", and {number_text(replicas)} copies {bytes_text(copies)}"
    solved, score = _task(n_params, bits_per_weight)
    return Answer(f"{sentence}.", (fit_table(size),), score, solved)


TASK = "find the widest listed precision at which Llama 3.1 70B fits on one A100-SXM-80GB."


def _task(n_params: float, bits_per_weight: float) -> tuple[bool, str]:
    target = catalog.model("llama-3.1-70b")
    listed = {p.bits_per_weight for p in catalog.precisions().values()}
    memory = catalog.accelerator("A100-SXM-80GB").memory_bytes
    if n_params != target.n_params:
        return False, f"choose {target.name} first."
    if bits_per_weight not in listed:
        return False, "choose a precision from the list."
    factor = weight_bytes(n_params, bits_per_weight) / memory
    if factor > 1:
        return False, f"the weights are {factor:.2f} times the memory."
    wider = [p.name for p in catalog.precisions().values() if p.bits_per_weight > bits_per_weight
             and weight_bytes(n_params, p.bits_per_weight) <= memory]  # fmt: skip
    if wider:
        return False, f"it fits, but so does {wider[0]}, which is wider."
    return (
        True,
        f"{share_text(factor)} of the memory is weights; the cache has to live in the rest.",
    )


def storage_panel(given: Inputs) -> Panel:
    """The lesson's panel, starting at the reader's inputs."""
    names = {key: m.name if m.exact else f"{m.name}, course" for key, m in catalog.models().items()}
    by_params = {m.n_params: key for key, m in catalog.models().items()}
    bits = {p.name: p.bits_per_weight for p in catalog.precisions().values()}
    alike = Counter(bits.values())  # 8 bits are FP8 and INT8: which, the reader has not said
    by_bits = {value: name for name, value in bits.items() if alike[value] == 1} | {16: "FP16"}
    controls = (
        Choice("model", "Model", names | {OWN: OWN}, by_params.get(given.n_params, OWN),
               "A model that these lessons name (lesson 03 lists more); it sets the parameters",
               fills=lambda key: {"n_params": catalog.model(key).n_params}),
        Number("n_params", given.n_params, 0.1, 1000, step=0.1, log=True, scale=1e9,
               scale_name="in billions"),
        Choice("precision", "Precision", {name: name for name in (*bits, OWN)},
               by_bits.get(given.bits_per_weight, OWN),
               "A way to store weights; it sets the bits per weight",
               fills=lambda name: {"bits_per_weight": bits[name]}),
        Number("bits_per_weight", given.bits_per_weight, 1, 32, step=0.125),
        Number("replicas", given.replicas, 1, 50),
    )  # fmt: skip
    return Panel(TASKS["01"], TASK, controls, storage_answer)
