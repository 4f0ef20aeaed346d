"""Names of accelerators as drivers, clouds and files of measurements write them."""

from __future__ import annotations

import re

from estimator.catalog.loader import accelerators
from estimator.choosing import choose

SYSTEMS = {
    "v100_sxm": "V100-SXM2-32GB",
    "t4": "T4",
    "a10": "A10",
    "a10g": "A10G",
    "l4": "L4",
    "l40s": "L40S",
    "a100_40gb_sxm": "A100-SXM-40GB",
    "a100_sxm": "A100-SXM-80GB",
    "a100_80gb_sxm": "A100-SXM-80GB",
    "h100_sxm": "H100-SXM",
    "h100_pcie": "H100-PCIe",
    "h200_sxm": "H200-SXM",
    "b200_sxm": "B200-SXM",
    "mi300x": "MI300X",
}
"""Names of accelerators in measurement files, and in the catalog."""

_BRANDS = frozenset({"nvidia", "tesla", "geforce", "amd", "instinct", "google", "cloud", "gpu"})
_SIZE = re.compile(r"(\d+)(?:gb|gib|g)?")
_FORMS = (("sxm", r"sxm\d*|hgx"), ("pcie", r"pcie"), ("oam", r"oam"))
_HBM = re.compile(r"hbm\d\w*")
# Cards by their chip: the forms and sizes (in GB, as sold or as a driver shows them) by which a
# name tells them, and the catalog's name. A form or a size that is not given leaves them all.
_CARDS = (
    ("v100", "sxm", (32,), "V100-SXM2-32GB"), ("v100", "sxm", (16,), ""),
    ("v100", "pcie", (16, 32), ""), ("t4", "pcie", (15, 16), "T4"), ("a10", "pcie", (24,), "A10"),
    ("a10g", "pcie", (24,), "A10G"), ("l4", "pcie", (24,), "L4"), ("l40s", "pcie", (48,), "L40S"),
    ("a100", "sxm", (40,), "A100-SXM-40GB"), ("a100", "sxm", (80,), "A100-SXM-80GB"),
    ("a100", "pcie", (40, 80), ""), ("h100", "sxm", (80,), "H100-SXM"),
    ("h100", "pcie", (80,), "H100-PCIe"), ("h200", "sxm", (141,), "H200-SXM"),
    ("b200", "sxm", (180, 192), "B200-SXM"), ("mi300x", "oam", (192,), "MI300X"),
    ("rtx 4090", "pcie", (24,), "RTX-4090"), ("tpu v4", "", (32,), "TPU-v4"),
    ("tpu v5e", "", (16,), "TPU-v5e"), ("tpu v5p", "", (95,), "TPU-v5p"),
)  # fmt: skip


def accelerator_named(name: str) -> str:
    """The catalog's name of an accelerator, from whichever way it is commonly written.

    Raises:
        ValueError: an accelerator that is not known, or a name that several have.

    >>> accelerator_named("NVIDIA H100 80GB HBM3"), accelerator_named("Tesla T4")
    ('H100-SXM', 'T4')
    >>> accelerator_named("A100-80GB")
    'A100-SXM-80GB'
    """
    known = accelerators()
    if name in known:
        return name
    plain = name.strip().lower()[:80]
    if plain in SYSTEMS:
        return SYSTEMS[plain]
    chip, form, size = _read(plain)
    cards = [
        card
        for card in _CARDS
        if card[0] == chip and form in ("", card[1]) and (size is None or size in card[2])
    ]
    found = list(dict.fromkeys(card[3] for card in cards if card[3]))
    sizes = {one for card in cards if not card[3] for one in card[2] if size is None}
    if len(found) == 1 and sizes <= _sizes_of(found[0]):
        return found[0]
    if found:
        others = " or ".join([*found, *(["a form that is not in the catalog"] if sizes else [])])
        raise ValueError(f"accelerator is {name[:60]!r}, which may be {others}: say which.")
    if listed := [card[3] for card in _CARDS if card[3] and card[0] in (chip, chip.split(" ")[0])]:
        raise ValueError(
            f"accelerator is {name[:60]!r}, a form that is not in the catalog, which has "
            f"{' and '.join(listed)}: if you mean {'it' if len(listed) == 1 else 'one'}, say so."
        )
    return choose("accelerator", name[:60], known)


def _sizes_of(name: str) -> frozenset[int]:
    return frozenset(size for card in _CARDS if card[3] == name for size in card[2])


def _read(plain: str) -> tuple[str, str, int | None]:
    """The chip of a name, its form and its size in GB, where it gives them.

    What nvidia-smi calls "NVIDIA H100 80GB HBM3" is the SXM form, beside "NVIDIA H100 PCIe".
    """
    split = re.split(r"[^a-z0-9]+", plain.replace("rtx4", "rtx 4"))
    words = [word for word in split if word and word not in _BRANDS]
    form, size, rest = "", None, list[str]()
    for number, word in enumerate(words):
        forms = [one for one, pattern in _FORMS if re.fullmatch(pattern, word)]
        if forms:
            form = forms[0]
        elif number and word != "4090" and (told := _SIZE.fullmatch(word)):
            size = int(told[1])
        elif word not in ("gb", "gib") and not _HBM.fullmatch(word):
            rest.append(word)
    if rest == ["h100"] and not form and "hbm3" in words:
        form = "sxm"
    return " ".join(rest), form, size
