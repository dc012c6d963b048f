"""Ternary networks of many sizes, their files, and how much of a signal a trit can hold."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import imagecodecs
import numpy as np

from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.companion.case import Case, spread
from lossless_inr_lite.companion.chapters.c13_ternary.precision import lossless_down_to
from lossless_inr_lite.companion.claims import Verdict, judge, judge_own, paper_value
from lossless_inr_lite.companion.evidence import (
    Every,
    Evidence,
    Exact,
    Open,
    arithmetic,
    by_signal,
    of_rows,
)
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.signals import Signal
from lossless_inr_lite.storage.fitted import Fit
from lossless_inr_lite.training.budget import Budget
from lossless_inr_lite.training.fit import fit
from lossless_inr_lite.training.freezing import IterativeFreezing
from lossless_inr_lite.training.recipes import TERNARY, ternary_size

LAYERS = 2
"""Hidden layers after the first."""

SINGLE = "one network"
PARALLEL = "a network a bit"
OCTAVES = "NeRF's encoding"

BITS_PER_PACKED_TRIT = 1.6
"""Five trits share a byte."""

LEAST_DENSITY = 0.05
MOST_DENSITY = 2.0
NEVER = 2.0
"""A share of the iterations that is not reached."""

FREEZING = "weights freeze"
FALLING = "the rate falls"

# What the paper's Table 4 and its authors' code tell of their networks. The ternary one is 16
# networks, one for every bit of a picture of 128 x 128 pixels and three channels; each has 30
# inputs (2 coordinates and 7 octaves of each), 256 units and 3 outputs.
PAPERS_SIDE = 128
PAPERS_CHANNELS = 3
PAPERS_NUM_BITS = 16
PAPERS_INPUTS = 30
PAPERS_COORDINATES = 2
PAPERS_WIDTH = 256
PAPERS_TERNARY_SQUARES = 3
PAPERS_SIREN_SQUARES = 5

OUR_WAY = "by iterative freezing of bit heads, not by the authors' published schedule"
"""How the networks here differ from the paper's."""

UNITS = {"KB": 1e3, "MB": 1e6, "M": 1e6}
COLLAPSED = 0.3
"""The BER above which a network is as good as guessing."""


# What is fitted ----------------------------------------------------------------------------------


def case(base: Case, bits_per_trit: float, method: str = SINGLE) -> Case:
    """A ternary network for the base's picture that stores so many bits per trit."""
    name = "parallel_bits" if method == PARALLEL else "bit_heads_gray"
    given = {"num_frequencies": 6.0} if method == OCTAVES else None
    width, options = ternary_size(
        get_formulation(name), base.load().spec, LAYERS, bits_per_trit, given
    )
    return base.varied(
        method=f"{method}, {bits_per_trit:g} bit a trit",
        formulation=name,
        network="ternary",
        hidden_features=width,
        hidden_layers=LAYERS,
        options=options,
        recipe="ternary",
    )


def plan(parameters: Any) -> dict[str, list[Case]]:
    """The cases that a chapter's parameters ask for, by group; groups without cases are left out.

    A group has a folder of its own, so that what was fitted once is found again. All pictures get
    the first density, and the first of them every method; small pictures get the further
    densities too. Raises InputError for bad parameters before any fit.
    """
    first, *further = densities(parameters.densities)
    few = parameters.max_iterations
    many = parameters.small_iterations
    pictures = _bases(parameters, "signals", few)
    deep_pictures = _bases(parameters, "deep_signals", few)
    quick = [case(base, first) for base in pictures]
    quick += [case(pictures[0], first, method) for method in (PARALLEL, OCTAVES)]
    groups = {"quick": quick, "deep": [case(base, first) for base in deep_pictures]}
    if further:
        small = _bases(parameters, "small_signals", many)
        groups["small"] = [case(base, density) for density in further for base in small]
    if parameters.large_signal:
        large = _bases(parameters, "large_signal", few, enlarged=2)
        groups["large"] = [case(base, first) for base in large]
    return groups


def _bases(parameters: Any, name: str, max_iterations: int, enlarged: int = 1) -> list[Case]:
    """A case without a network for every picture that the parameter `name` lists."""
    plain = Case(
        method="",
        signal="",
        size=enlarged * parameters.size,
        architecture=Architecture(formulation="bit_heads_gray", network="ternary"),
        budget=Budget(max_iterations, max_seconds=3600.0),
    )
    found = spread(plain, getattr(parameters, name), parameter=name)
    return [base.varied(seed=parameters.seed) for base in found]


def densities(text: str) -> list[float]:
    """Numbers separated by commas, in bits per trit.

    Raises InputError unless they are from 0.05 to 2, the first the lowest.

    >>> densities("0.3, 0.8")
    [0.3, 0.8]
    """
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    in_range = all(LEAST_DENSITY <= value <= MOST_DENSITY for value in found)
    if not found or not in_range or min(found) != found[0]:
        raise InputError(
            f"densities is {text!r}: allowed are bits per trit from {LEAST_DENSITY:g} to "
            f"{MOST_DENSITY:g}, separated by commas, the lowest first"
        )
    return found


def with_and_without_freezing(
    signal: Signal, hidden_features: int, max_iterations: int, seed: int
) -> dict[str, Fit]:
    """The same network by iterative freezing, and by the usual schedule.

    The usual schedule is a rate that falls to nothing. There is no certificate yet.
    """
    usual = IterativeFreezing(last_rate=1e-3, freeze_from=NEVER, frozen_by=NEVER)
    recipes = {
        FREEZING: TERNARY,
        FALLING: replace(TERNARY, name="ternary, no freezing", trainer=usual),
    }
    return {
        name: fit(
            signal,
            hidden_features=hidden_features,
            recipe=recipe,
            max_iterations=max_iterations,
            seed=seed,
            certify=False,
        )
        for name, recipe in recipes.items()
    }


# Sizes -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sizes:
    """The size of a fit in bytes but for `trits`, which counts the weights.

    raw: the signal's own bits. formula: the trits alone, by 1.6 bits each.
    file: the certified file; NaN where there is none.
    """

    trits: int
    raw: float
    formula: float
    file: float

    @property
    def ratio(self) -> float:
        """The file's size over the raw signal's."""
        return self.file / self.raw


def sizes(row: Row) -> Sizes:
    """The sizes of a row."""
    spec = row["signal"]
    proof = row["certificate"]
    trits = row["model"]["num_parameters"]
    return Sizes(
        trits=trits,
        raw=math.prod(spec["shape"]) * spec["num_bits"] / 8,
        formula=packed_bytes(trits),
        file=proof["file_bytes"] if proof else math.nan,
    )


def packed_bytes(trits: int) -> float:
    """Bytes of so many trits without a header, at 1.6 bits each.

    >>> packed_bytes(5)
    1.0
    """
    return trits * BITS_PER_PACKED_TRIT / 8


def png_bytes(signal: Signal) -> int:
    """The picture as a PNG of the highest level; more than 8 bits go into 16."""
    words = np.ascontiguousarray(signal.words, np.uint8 if signal.num_bits <= 8 else np.uint16)
    if words.shape[-1] == 1:
        words = words.squeeze(-1)
    return len(imagecodecs.png_encode(words, level=9))


def pngs(cases: Iterable[Case]) -> dict[str, int]:
    """`png_bytes` of the pictures of some cases, by name."""
    loaded = (case.load() for case in cases)
    return {signal.name: png_bytes(signal) for signal in loaded}


def smallest_lossless(rows: Iterable[Row]) -> dict[str, Row]:
    """By picture: the certified row with the smallest file."""
    best: dict[str, Row] = {}
    for row in rows:
        if not row["lossless"]:
            continue
        name = row["signal"]["name"]
        if name not in best or sizes(row).file < sizes(best[name]).file:
            best[name] = row
    return best


# The paper's networks ----------------------------------------------------------------------------


@dataclass(frozen=True)
class PapersNetwork:
    """A network of Table 4.

    printed: its bit operations per pixel as the paper has them. counted: by one convention for
    both networks.
    """

    weights: int
    bytes: float
    printed: float
    counted: int


def papers_networks() -> dict[str, PapersNetwork]:
    """Table 4's networks, from the sizes that the paper and its authors' code tell.

    "ternary": 16 (30 * 256 + 3 * 256^2 + 256 * 3) trits, as two masks, with activations of 8 bits.
    Its printed bit operations, 50.66M, follow from 2 inputs in place of the encoding's 30: 16 (2 *
    256 + 3 * 256^2 + 256 * 3) * 2 * 8. "siren": 2 inputs, five layers of 256^2, 3 outputs, in FP32.
    """
    square = PAPERS_WIDTH**2
    outputs = PAPERS_WIDTH * PAPERS_CHANNELS
    hidden = PAPERS_TERNARY_SQUARES * square + outputs
    ternary = PAPERS_NUM_BITS * (PAPERS_INPUTS * PAPERS_WIDTH + hidden)
    multiplied = PAPERS_NUM_BITS * (PAPERS_COORDINATES * PAPERS_WIDTH + hidden)
    siren = PAPERS_COORDINATES * PAPERS_WIDTH + PAPERS_SIREN_SQUARES * square + outputs
    return {
        "ternary": PapersNetwork(
            weights=ternary,
            bytes=packed_bytes(ternary),
            printed=_with_unit(paper_value("table4", "bit_operations", method="ours")),
            counted=bit_operations(multiplied, weight_bits=2, activation_bits=8),
        ),
        "siren": PapersNetwork(
            weights=siren,
            bytes=4.0 * siren,
            printed=_with_unit(paper_value("table4", "bit_operations", method="SIREN")),
            counted=bit_operations(siren, weight_bits=32, activation_bits=32),
        ),
    }


def bit_operations(weights: int, weight_bits: int, activation_bits: int) -> int:
    """Bit operations of a sample: one product a weight.

    A product of b_w by b_a bits counts as b_w b_a.

    >>> bit_operations(100, 2, 8)
    1600
    """
    return weights * weight_bits * activation_bits


def papers_ratio() -> float:
    """The printed size of the paper's ternary file over the raw picture's."""
    raw = PAPERS_SIDE**2 * PAPERS_CHANNELS * PAPERS_NUM_BITS / 8
    return _with_unit(paper_value("table4", "size", method="ours")) / raw


def _with_unit(text: str) -> float:
    """The number of "656.18 KB" or "50.66M"; raises InputError for another unit."""
    number = text.rstrip("KMB ")
    unit = text[len(number) :].strip()
    if unit not in UNITS:
        raise InputError(f"{text!r} has no unit that is known: {', '.join(UNITS)}")
    return float(number) * UNITS[unit]


# Verdicts ----------------------------------------------------------------------------------------


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """Table 4 and the claims about files, judged on every row that was fitted."""
    networks = papers_networks()
    rows = _sorted(rows)
    return [
        _judge_lossless(rows),
        _judge_bytes(networks),
        _judge_files(rows),
        *_judge_bit_operations(networks),
    ]


def _sorted(rows: Sequence[Row]) -> list[Row]:
    """By picture and network: a record keeps no other order of its groups."""
    return sorted(rows, key=lambda row: (row["signal"]["name"], row.get("method", "")))


def _judge_lossless(rows: Sequence[Row]) -> Verdict:
    exact = sum(row["lossless"] for row in rows)
    best = smallest_lossless(rows)
    pictures = {row["signal"]["name"] for row in rows}
    return judge(
        "table4/ours",
        f"{len(best)} of {len(pictures)} pictures, {exact} of {len(rows)} fits",
        "every picture, at its largest network, certified from the file by integers alone",
        Every({name: [name in best] for name in sorted(pictures)}),
        _evidence(rows),
    )


def _evidence(rows: Sequence[Row]) -> Evidence:
    return of_rows(rows, settings=OUR_WAY)


def _judge_bytes(networks: Mapping[str, PapersNetwork]) -> Verdict:
    """By the sizes that the paper and its authors' code tell; nothing is trained."""
    siren = networks["siren"].bytes
    ternary = networks["ternary"].bytes
    return judge_own(
        "bytes-of-the-networks-of-table-4",
        "the SIREN of Table 4 takes more bytes in floats than its ternary network",
        f"{siren:,.0f} against {ternary:,.0f} bytes",
        "more bytes",
        Exact(siren > ternary),
        arithmetic(len(networks)),
        paper=f"{paper_value('table4', 'size', method='SIREN')} against "
        f"{paper_value('table4', 'size', method='ours')}",
    )


def _judge_files(rows: Sequence[Row]) -> Verdict:
    best = smallest_lossless(rows)
    pictures = {row["signal"]["name"] for row in rows}
    largest = math.inf
    if best and len(best) == len(pictures):
        largest = max(sizes(row).ratio for row in best.values())
    papers = papers_ratio()
    return judge_own(
        "file-size-over-raw-size-of-the-largest-of-the-smallest-certified-files",
        "file size over raw size: the largest of the smallest certified files is below the paper's",
        "none" if math.isinf(largest) else f"{largest:.2f}",
        "below the paper's",
        # Whatever the seeds: these files are there.
        Exact(largest < papers) if rows else Open("nothing was fitted"),
        replace(_evidence(rows), exact=True),
        paper=f"{papers:.1f}",
    )


def _judge_bit_operations(networks: Mapping[str, PapersNetwork]) -> list[Verdict]:
    siren = networks["siren"]
    ternary = networks["ternary"]
    printed = siren.printed / ternary.printed
    counted = siren.counted / ternary.counted
    return [
        judge_own(
            "bit-operations-of-the-ternary-network",
            "the printed bit operations of the ternary network are those of 2 inputs, trits of "
            "2 bits and activations of 8 bits",
            f"{ternary.counted:,}",
            "to the last printed digit",
            Exact(round(ternary.counted / 1e6, 2) == ternary.printed / 1e6),
            arithmetic(),
            paper=paper_value("table4", "bit_operations", method="ours"),
        ),
        judge_own(
            "siren-takes-as-many-more-bit-operations-by-one-convention-as-printed",
            "SIREN takes as many more bit operations by one convention as printed",
            f"{counted:.1f} times",
            "within a tenth",
            Exact(abs(counted / printed - 1) < 0.1),
            arithmetic(len(networks)),
            paper=f"{printed:.1f} times",
        ),
    ]


def precision_verdicts(rows: Sequence[Mapping[str, Any]], ternary: Sequence[Row]) -> list[Verdict]:
    """Fig. 10, judged on the rows of the precision study and on those of ternary networks."""
    return [
        _judge_precision(rows, _sorted(ternary)),
        _judge_collapse(rows),
        _judge_freezing(rows),
    ]


def _judge_precision(rows: Sequence[Mapping[str, Any]], ternary: Sequence[Row]) -> Verdict:
    certified = any(row["lossless"] for row in ternary)
    told = [f"ternary network {'certified' if certified else 'not lossless'}"]
    for method in dict.fromkeys(row["method"] for row in rows):
        if not method.startswith("SIREN, values"):
            bits = lossless_down_to(rows, method)
            told.append(f"{method} down to {bits} bits" if bits else f"{method} never")
    return judge(
        "fig10",
        "; ".join(told),
        "ternary certified",
        Every(by_signal(ternary, [row["lossless"] for row in ternary])),
        _evidence(ternary),
    )


def _judge_collapse(rows: Sequence[Mapping[str, Any]]) -> Verdict:
    ternary = [row for row in _of_sines(rows, "after training") if row["bits"] == 2]
    errors = [row["ber"] for row in ternary]
    return judge(
        "fig10-sine",
        "BER " + ", ".join(f"{ber:.2f}" for ber in errors),
        f"BER above {COLLAPSED}, ternary after training",
        Every({"the picture": [ber > COLLAPSED for ber in errors]}),
        Evidence(data="1 picture", signals=1, seeds=1, fits=len(errors)),
    )


def _judge_freezing(rows: Sequence[Mapping[str, Any]]) -> Verdict:
    coarse = [row for row in _of_sines(rows, "in training") if row["bits"] < 8]
    exact = sum(row["lossless"] for row in coarse)
    return judge_own(
        "training-with-coarse-weights-that-settle-keeps-a-sine-network-lossless-below-8-bits",
        "iterative freezing of coarse weights keeps a sine network lossless below 8 bits",
        f"{exact} of {len(coarse)} fits",
        "at least one",
        Exact(True) if exact else Open("none of these fits is"),
        # One is enough, however few the fits.
        Evidence(data="1 picture", signals=1, seeds=1, fits=len(coarse), exact=exact > 0),
    )


def _of_sines(rows: Sequence[Mapping[str, Any]], how: str) -> list[Mapping[str, Any]]:
    """The rows of sine networks whose weights became coarse in that way."""
    return [row for row in rows if row["method"].startswith("SIREN") and row["how"] == how]
