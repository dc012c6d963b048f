"""Table 4: ternary networks of many sizes, their files, and how much of a signal a trit can hold."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import imagecodecs
import numpy as np

from lossless_inr_lite.companion.records import Verdict, paper_value, verdict
from lossless_inr_lite.companion.study import Case, spread
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.signals.signal import Signal
from lossless_inr_lite.training.fit import Fit, fit
from lossless_inr_lite.training.freezing import IterativeFreezing
from lossless_inr_lite.training.quantisation import lossless_down_to
from lossless_inr_lite.training.recipes import TERNARY, ternary_size

LAYERS = 2  # hidden ones after the first
SINGLE, PARALLEL, OCTAVES = "one network", "a network a bit", "NeRF's encoding"
QUICK_TRITS = 0.33  # bits a trit: what the recipe takes by itself

Row = Mapping[str, Any]


def case(base: Case, bits_a_trit: float, method: str = SINGLE) -> Case:
    """A ternary network for the base's picture that stores so many bits a trit."""
    formulation = "parallel_bits" if method == PARALLEL else "bit_heads_gray"
    options = {"num_frequencies": 6.0} if method == OCTAVES else None
    spec = base.load().spec
    width, options = ternary_size(get_formulation(formulation), spec, LAYERS, bits_a_trit, options)
    return replace(
        base,
        method=f"{method}, {bits_a_trit:g} bit a trit",
        formulation=formulation,
        network="ternary",
        hidden_features=width,
        hidden_layers=LAYERS,
        options=options,
        recipe="ternary",
    )


def cases(
    signals: str,
    size: int,
    densities: Sequence[float],
    max_iterations: int,
    methods: Sequence[str] = (),
    parameter: str = "signals",
) -> list[Case]:
    """A case for every picture and density, and for every further method at the first density."""
    plain = Case(
        "", "", size, "bit_heads_gray", "ternary", max_iterations=max_iterations, max_seconds=3600.0
    )
    found = spread(plain, signals, parameter=parameter)
    kinds = [(density, SINGLE) for density in densities] + [
        (densities[0], method) for method in methods
    ]
    return [case(base, density, method) for density, method in kinds for base in found]


@dataclass(frozen=True)
class Plan:
    """The study's cases by folder, so that what was fitted once is found again."""

    quick: list[Case]
    deep: list[Case]
    small: list[Case]
    large: list[Case]

    @property
    def groups(self) -> dict[str, list[Case]]:
        return {name: group for name, group in vars(self).items() if group}


def plan(parameters: Any) -> Plan:
    """The cases that a chapter's parameters ask for. Raises InputError for bad ones before any fit."""
    first, *further = densities(parameters.densities)
    size, quick, slow = parameters.size, parameters.max_iterations, parameters.small_iterations
    names = parameters.signals.split(",")
    groups = [
        cases(parameters.signals, size, [first], quick)
        + cases(names[0], size, [first], quick, methods=(PARALLEL, OCTAVES))[1:],
        cases(parameters.deep_signals, size, [first], quick, parameter="deep_signals"),
        cases(parameters.small_signals, size, further, slow, parameter="small_signals")
        if further
        else [],
        cases(parameters.large_signal, 2 * size, [first], quick) if parameters.large_signal else [],
    ]
    return Plan(*([replace(case, seed=parameters.seed) for case in group] for group in groups))


def densities(text: str) -> list[float]:
    """Numbers separated by commas. Raises InputError unless they are from 0.05 to 2, the first the lowest."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) != found[0] or not all(0.05 <= value <= 2 for value in found):
        raise InputError(
            f"densities is {text!r}: allowed are bits a trit from 0.05 to 2, separated by commas, the lowest first"
        )
    return found


def unsettled(
    signal: Signal, hidden_features: int, max_iterations: int, seed: int
) -> dict[str, Fit]:
    """The same network with weights that settle, and with the usual schedule: a rate that falls to nothing."""
    usual = replace(
        TERNARY,
        name="ternary, no settling",
        trainer=IterativeFreezing(last_rate=1e-3, freeze_from=2, frozen_by=2),
    )
    return {
        name: fit(
            signal,
            hidden_features=hidden_features,
            recipe=recipe,
            max_iterations=max_iterations,
            seed=seed,
            certify=False,
        )
        for name, recipe in (("weights settle", TERNARY), ("the rate falls", usual))
    }


def sizes(row: Row) -> dict[str, float]:
    """Bytes of a certified row's file, of the raw signal, and of the trits alone by the formula of 1.6 bits."""
    spec = row["signal"]
    raw = math.prod(spec["shape"]) * spec["num_bits"] / 8
    trits = row["model"]["num_parameters"]
    return {
        "file": row["certificate"]["file_bytes"] if row["certificate"] else math.nan,
        "raw": raw,
        "formula": trits * 1.6 / 8,
        "trits": trits,
        "bits_a_trit": raw * 8 / trits,
    }


def png_bytes(signal: Signal) -> int:
    """The picture as a PNG of the highest level; more than 8 bits go into 16."""
    words = np.ascontiguousarray(signal.words, np.uint8 if signal.num_bits <= 8 else np.uint16)
    return len(
        imagecodecs.png_encode(words.squeeze(-1) if words.shape[-1] == 1 else words, level=9)
    )


def pngs(signals: Iterable[Case]) -> dict[str, int]:
    """`png_bytes` of the pictures of some cases, by name."""
    loaded = (one.load() for one in signals)
    return {signal.name: png_bytes(signal) for signal in loaded}


def smallest_lossless(rows: Iterable[Row]) -> dict[str, Row]:
    """By picture: the certified row with the smallest file."""
    best: dict[str, Row] = {}
    for row in rows:
        name = row["signal"]["name"]
        if row["lossless"] and (name not in best or sizes(row)["file"] < sizes(best[name])["file"]):
            best[name] = row
    return best


def bit_operations(weights: int, weight_bits: int, activation_bits: int) -> int:
    """Bit operations of a sample: b_w b_a for the product of b_w by b_a bits, and one product a weight."""
    return weights * weight_bits * activation_bits


def papers_networks() -> dict[str, dict[str, float]]:
    """Table 4's networks by one convention, from the sizes that the paper and its authors' code tell.

    Ternary: 16 networks of 30 inputs (7 octaves), 256 units, 3 outputs: 16 (30 * 256 + 3 * 256^2 + 256 * 3) trits, as
    two masks, with activations of 8 bits. SIREN: 2 inputs, five layers of 256^2, 3 outputs, FP32.
    """
    ternary = 16 * (30 * 256 + 3 * 256**2 + 256 * 3)
    siren = 2 * 256 + 5 * 256**2 + 256 * 3
    printed = {
        name: float(paper_value("table4", "bit_operations", method=name)[:-1]) * 1e6
        for name in ("ours", "SIREN")
    }
    return {
        "ternary": {
            "weights": ternary,
            "bytes": ternary * 1.6 / 8,
            "ours": bit_operations(ternary, 2, 8),
            "printed": printed["ours"],
        },
        "siren": {
            "weights": siren,
            "bytes": 4.0 * siren,
            "ours": bit_operations(siren, 32, 32),
            "printed": printed["SIREN"],
        },
    }


def precision_verdicts(rows: Sequence[Mapping[str, Any]], ternary: bool) -> list[Verdict]:
    """Fig. 10, judged on the rows of `quantisation.precision_study` and on whether the ternary network is certified."""
    bits = {m: lossless_down_to(rows, m) for m in dict.fromkeys(r["method"] for r in rows)}
    planes = {m: least for m, least in bits.items() if not m.startswith("SIREN, values")}
    coarse = [
        r
        for r in rows
        if r["method"].startswith("SIREN") and r["bits"] == 2 and r["how"] == "after training"
    ]
    least = "; ".join(f"{m} down to {b} bits" if b else f"{m} never" for m, b in planes.items())
    saved = [
        r
        for r in rows
        if r["method"].startswith("SIREN") and r["how"] == "in training" and r["bits"] < 8
    ]
    return [
        verdict(
            "Fig. 10",
            "a network made for it is lossless with ternary weights",
            "lossless at every precision",
            f"ternary network {'certified' if ternary else 'not lossless'}; {least}",
            "ternary certified",
            ternary,
            row="fig10",
        ),
        verdict(
            "Fig. 10",
            "sine networks collapse when their weights become ternary after training",
            "collapse",
            "BER " + ", ".join(f"{r['ber']:.2f}" for r in coarse),
            "BER above 0.3",
            all(r["ber"] > 0.3 for r in coarse),
            row="fig10-sine",
        ),
        verdict(
            "our question",
            "training with coarse weights that settle keeps a sine network lossless below 8 bits",
            "not told",
            f"{sum(r['lossless'] for r in saved)} of {len(saved)} fits",
            "at least one",
            any(r["lossless"] for r in saved),
        ),
    ]


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """Table 4 and the claims about files, judged on every row that was fitted."""
    exact = [row for row in rows if row["lossless"]]
    best = smallest_lossless(rows)
    pictures = {row["signal"]["name"] for row in rows}
    ratios = [sizes(row)["file"] / sizes(row)["raw"] for row in best.values()]
    largest, ratio = (
        (f"{max(ratios):.2f}", max(ratios))
        if ratios and len(best) == len(pictures)
        else ("none", math.inf)
    )
    papers = 656_179 / 98_304
    said = [
        verdict(
            "Table 4",
            "a ternary network is lossless, certified from the file by whole numbers alone",
            "lossless",
            f"{len(best)} of {len(pictures)} pictures, {len(exact)} of {len(rows)} fits",
            "every picture, at its largest network",
            len(best) == len(pictures),
            row="table4/ours",
        ),
        _bytes_verdict(),
        verdict(
            "our question",
            "file size over raw size, of the largest of the smallest certified files",
            f"{papers:.1f}",
            largest,
            "below the paper's",
            ratio < papers,
        ),
    ]
    counted = papers_networks()
    ratio = counted["siren"]["ours"] / counted["ternary"]["ours"]
    printed = counted["siren"]["printed"] / counted["ternary"]["printed"]
    said.append(
        verdict(
            "our question",
            "SIREN takes as many more bit operations by one convention as printed",
            f"{printed:.1f} times",
            f"{ratio:.1f} times",
            "within a tenth",
            abs(ratio / printed - 1) < 0.1,
        )
    )
    return said


def _bytes_verdict() -> Verdict:
    """By the paper's own sizes."""
    printed = [paper_value("table4", "size", method=method) for method in ("SIREN", "ours")]
    counted = [papers_networks()[name]["bytes"] for name in ("siren", "ternary")]
    return verdict(
        "Table 4",
        "SIREN in floats takes more bytes than the ternary network",
        " against ".join(printed),
        "{:,.0f} against {:,.0f} bytes".format(*counted),
        "more",
        counted[0] > counted[1],
        row="table4/SIREN",
    )
