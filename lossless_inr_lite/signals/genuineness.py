"""Does a picture or a sound really carry the bits that its file declares?

Five tests look for signs that fewer bits were stretched to more. Each can only find a sign, or
find none: low bits of plain noise on top of real ones look like those of a noisy camera, and then
nothing can be told. What each test looked at, and how sure it is, stands in its `Finding`.

- lattice: the values lie some steps apart, but for the smallest and the largest: these are often
  clipped.
- replication: the low bits repeat the high ones, as PNG does it (W3C, PNG, section 13.12).
- occupancy: there are fewer distinct values than so many draws from a locally even density give.
  That is the classical occupancy problem: of R values n draws hit R (1 - (1 - 1/R)^n) on average
  (Feller, An Introduction to Probability Theory and Its Applications, volume 1, chapter IV). A
  look-up table, a gamma curve and any other curve on fewer bits are found so.
- comb: values are missing between neighbours that are frequent, as after a stretch of contrast
  (Stamm and Liu, "Forensic detection of image manipulation using statistical intrinsic
  fingerprints", IEEE TIFS 5, 2010).
- padding: the low bits ignore the high ones. With real low bits the step from one high level to
  the next is mostly a small one: the lower sample is near the upper end of its level. With added
  noise it may be anywhere. Our own statistic; rectangular dither is what it is made for (Lipshitz,
  Wannamaker and Vanderkooy, "Quantization and dither: a theoretical survey", JAES 40, 1992), and
  wider dither hides from it.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lossless_inr_lite.errors import check_type
from lossless_inr_lite.signals.signal import Signal

SIGN = "sign"
NO_SIGN = "no sign"
UNKNOWN = "cannot be told"

MOST_SAMPLES = 2**22
"""So many samples are looked at by the tests that sort or pair them."""

BLOCKS = (8, 32, 128, 512)
"""Neighbouring samples of the sorted signal among which the density counts as even."""

LEAST_EXPECTED = 30
"""Distinct values that have to be expected before fewer of them mean anything."""

FEW_VALUES = 0.35
"""A share of the expected distinct values that is a sign. Real recordings have 0.95 or more."""

MANY_EXPECTED = 500
VERY_FEW_VALUES = 0.25
"""The share that is a sign when fewer than MANY_EXPECTED values are to be expected."""

LESS_THAN_USUAL = 0.9
"""A share below which nothing is told: flat areas repeat their values too."""

FREQUENT = 12
"""A value with so many samples: an empty neighbour has a chance below exp(-6) where it is."""

LEAST_INNER = 8
REPEATED = 6
FOLLOWERS = 3
"""A sound whose values come REPEATED times, with fewer than FOLLOWERS different ones behind each,
is a tone that repeats itself: its samples are no draws."""

LEAST_HOLES = 8
LEAST_HOLE_SHARE = 0.1

LEAST_ADDED_BITS = 4
LEAST_LEVEL_BITS = 4
LEAST_STEPS = 200
LEAST_LEAN = 0.05
MOST_LEAN = 0.9
LEAN_SHARE = 0.1
LEAN_DEVIATIONS = 8
LEAST_SPREAD = 0.1
"""Of the distances, in levels: those of a ramp are all alike."""

FULL_LEVEL = 0.1
"""Levels with more than this share of the pairs are left out: clipped and constant areas."""


@dataclass(frozen=True)
class Finding:
    """What one test found.

    - test: its name, see the module.
    - result: "sign", "no sign" or "cannot be told".
    - strength: what it measured; for lattice the gcd, for replication the bits, for the others a
      share that is near 1 without a sign (occupancy, padding) or near 0 (comb). None: not measured.
    - p_value: of a sign of the last three tests, an estimate of how likely a genuine signal is to
      show as strong a one. It trusts its model: real signals are never quite so even.
    """

    test: str
    result: str
    strength: float | None = None
    p_value: float | None = None


@dataclass(frozen=True)
class Genuineness:
    """How many of the declared bits a signal uses.

    - distinct: number of different values.
    - gcd: greatest common divisor of their differences, 0 for a constant. Above 1 the values lie
      on a coarser lattice, as those of a stretched picture do.
    - plane_entropy: entropy in bits of every plane, least significant first; 0 is a constant plane.
    - replicated_from: k when every plane below num_bits - k repeats the plane k above it (bit
      replication of k-bit data), else None.
    - genuine: no test found a sign against it.
    - verdict: one sentence.
    - tests: what each test found.
    """

    num_bits: int
    distinct: int
    gcd: int
    plane_entropy: list[float]
    replicated_from: int | None
    genuine: bool
    verdict: str
    tests: list[Finding]

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)


def genuineness(signal: Signal) -> Genuineness:
    """The report on one signal; see `Genuineness` for what each field means."""
    check_type("signal", signal, Signal, "a Signal is needed, as load_image gives one")
    words = signal.words.ravel()
    num_bits = signal.num_bits
    values = np.unique(words)
    gcd = int(np.gcd.reduce(np.diff(values))) if len(values) > 1 else 0
    entropy = [_binary_entropy(_share_of_ones(words, plane)) for plane in range(num_bits)]
    replicated = _replicated_from(words, num_bits, entropy)
    numbers = _without_copies(_ordered(signal))
    tests = [
        lattice(values, gcd),
        Finding("replication", SIGN if replicated else NO_SIGN, replicated),
        *_of_values(numbers),
        padding(signal),
    ]
    genuine = all(found.result != SIGN for found in tests)
    verdict = _verdict(num_bits, values, gcd, replicated, entropy, tests)
    return Genuineness(num_bits, len(values), gcd, entropy, replicated, genuine, verdict, tests)


def _verdict(
    num_bits: int,
    values: np.ndarray,
    gcd: int,
    replicated: int | None,
    entropy: list[float],
    tests: list[Finding],
) -> str:
    """One sentence: the first sign that was found, or how far its absence goes."""
    found = {finding.test: finding for finding in tests}
    distinct = len(values)
    if gcd == 0:
        return "constant: one value only"
    if gcd > 1:
        steps = (int(values[-1]) - int(values[0])) // gcd
        width = steps.bit_length()
        return f"not genuine: values lie {gcd} apart, {width}-bit data in {num_bits} bits"
    step = found["lattice"].strength
    if found["lattice"].result == SIGN and step is not None:
        return (
            f"not genuine: values lie {step:.0f} apart but for the ends, "
            f"{distinct} different ones in {num_bits} bits"
        )
    if replicated is not None:
        return f"not genuine: {replicated}-bit data, its top bits repeated to fill {num_bits} bits"
    share = found["occupancy"].strength
    if found["occupancy"].result == SIGN and share is not None:
        return (
            f"not genuine: {distinct} different values, {share:.0%} of what {num_bits} bits would "
            "show, as after a curve or a stretch of fewer bits"
        )
    if found["comb"].result == SIGN:
        return (
            f"not genuine: values are missing between frequent ones, {distinct} are there, "
            f"as after a stretch to {num_bits} bits"
        )
    if found["padding"].result == SIGN:
        return "not genuine: the low bits ignore the high ones, as noise does that was added later"
    used = sum(bits > 0 for bits in entropy)
    told = sum(finding.result != UNKNOWN for finding in tests)
    verdict = (
        f"genuine as far as {told} of {len(tests)} tests tell: steps of 1 in {num_bits} bits, "
        f"{used} planes in use"
    )
    if found["occupancy"].result == UNKNOWN and share is not None:
        return f"{verdict}, fewer different values than usual"
    return verdict


# The tests ---------------------------------------------------------------------------------------


def lattice(values: np.ndarray, gcd: int) -> Finding:
    """Look for steps between the sorted distinct values; `gcd` is that of all of them."""
    inner = np.diff(values[1:-1])
    if gcd == 1 and len(inner) >= LEAST_INNER:
        gcd = int(np.gcd.reduce(inner))
    return Finding("lattice", NO_SIGN if gcd == 1 else SIGN, float(gcd))


def occupancy(numbers: np.ndarray) -> Finding:
    """Compare the distinct values of `numbers` (any shape, integers) with those to be expected.

    The sorted samples are cut into blocks of equal size, so that the density is about even in
    each. Of a block its first and last value are taken for granted. The lowest share of all sizes
    of blocks counts.
    """
    ordered = np.sort(_thinned(numbers.ravel()))
    found = [one for size in BLOCKS if (one := _share_of_expected(ordered, size)) is not None]
    if not found:
        return Finding("occupancy", UNKNOWN)
    share, expected, deviations = min(found)
    limit = FEW_VALUES if expected >= MANY_EXPECTED else VERY_FEW_VALUES
    if share < limit:
        return Finding("occupancy", SIGN, round(share, 4), _tail(deviations))
    result = UNKNOWN if share < LESS_THAN_USUAL else NO_SIGN
    return Finding("occupancy", result, round(share, 4))


def _share_of_expected(ordered: np.ndarray, size: int) -> tuple[float, float, float] | None:
    """The share of the expected distinct values, their number, and by how many deviations fewer."""
    count = len(ordered) // size
    blocks = ordered[: count * size].reshape(count, size)
    if count == 0:
        return None
    span = (blocks[:, -1] - blocks[:, 0]).astype(np.float64)
    distinct = np.count_nonzero(np.diff(blocks, axis=1), axis=1)
    inner = np.maximum(span - 1, 0)
    empty = inner * np.exp(-(size - 2) / np.maximum(inner, 1))
    empty[inner == 1] = 0.0  # between two neighbours' neighbours there is a single value
    expected = np.where(span == 0, 0.0, 1 + inner - empty)
    if expected.sum() < LEAST_EXPECTED:
        return None
    missing = expected.sum() - distinct.sum()
    deviation = math.sqrt(max(1.0, np.minimum(empty, size).sum()))
    whole = float(expected.sum())
    return float(distinct.sum() / whole), whole, float(missing / deviation)


def _of_values(numbers: np.ndarray) -> list[Finding]:
    """The two tests that take samples for draws, where they may be taken so."""
    if _is_periodic(numbers):
        return [Finding("occupancy", UNKNOWN), Finding("comb", UNKNOWN)]
    return [occupancy(numbers), comb(numbers)]


def comb(numbers: np.ndarray) -> Finding:
    """Count the gaps between values of `numbers` that both are frequent."""
    values, counts = np.unique(_thinned(numbers.ravel()), return_counts=True)
    steps = np.diff(values)
    frequent = np.minimum(counts[:-1], counts[1:]) >= FREQUENT
    holes = int(np.count_nonzero(frequent & (steps > 1)))
    looked_at = int(np.count_nonzero(frequent))
    if looked_at < LEAST_HOLES:
        return Finding("comb", UNKNOWN)
    share = holes / looked_at
    is_sign = holes >= LEAST_HOLES and share >= LEAST_HOLE_SHARE
    if not is_sign:
        return Finding("comb", NO_SIGN, round(share, 4))
    return Finding("comb", SIGN, round(share, 4), math.exp(-FREQUENT / 2 * min(holes, 100)))


def padding(signal: Signal) -> Finding:
    """Look for low bits that ignore the high ones, for every number of high bits.

    For pairs of neighbours one level apart, the *lean* is 1 minus their mean distance in levels:
    0 when both lie anywhere in their levels, towards 1 when they lie at their common border. How
    large it has to be follows from the pairs of the same level, one apart and two apart, when the
    density of differences is about straight between these: (2 c0 - c2) / (12 c1). Levels start at
    0 or half a level before, and are powers of two or those of a stretch by (2^n - 1) / (2^m - 1).

    Nothing is told of floats, of fewer than 4 added bits, and where that lean is small anyway.
    """
    if signal.kind == "float":
        return Finding("padding", UNKNOWN)
    low, high = _neighbours(signal)
    found = [
        lean
        for level, offset in _levels(signal.num_bits)
        if (lean := _lean(low, high, level, offset)) is not None
    ]
    if not found:
        return Finding("padding", UNKNOWN)
    signs = [one for one in found if abs(one[0]) < LEAN_SHARE and one[1] > LEAN_DEVIATIONS]
    share, deviations = max(signs or found, key=lambda one: one[1])
    if not signs:
        return Finding("padding", NO_SIGN, round(share, 4))
    return Finding("padding", SIGN, round(share, 4), _tail(deviations))


def _levels(num_bits: int) -> Iterator[tuple[float, float]]:
    """The size and the offset of levels that a signal may have been stretched by."""
    for width in range(LEAST_LEVEL_BITS, num_bits - LEAST_ADDED_BITS + 1):
        shifted = 2.0 ** (num_bits - width)
        scaled = (2**num_bits - 1) / (2**width - 1)
        for level in (shifted, scaled):
            yield level, 0.0
            yield level, level / 2


def _lean(
    low: np.ndarray, high: np.ndarray, level: float, offset: float
) -> tuple[float, float] | None:
    """The lean as a share of the one to be expected, and by how many deviations it is smaller."""
    lower = np.floor((low + offset) / level).astype(np.int64)
    upper = np.floor((high + offset) / level).astype(np.int64)
    near = upper - lower <= 2
    lower = lower[near]
    apart = upper[near] - lower
    if len(lower) == 0:
        return None
    distance = (high - low)[near]
    pairs_of_level = np.bincount(lower)
    full = pairs_of_level > FULL_LEVEL * len(lower)
    occupied = np.flatnonzero(pairs_of_level)
    full[[occupied[0], occupied[-1]]] = True
    kept = ~full[lower]
    same, next_one, second = np.bincount(apart[kept], minlength=3)[:3]
    if next_one < LEAST_STEPS:
        return None
    expected = min(MOST_LEAN, (2 * same - second) / (12 * next_one))
    if expected < LEAST_LEAN:
        return None
    leans = 1 - distance[kept & (apart == 1)] / level
    spread = float(leans.std())
    if spread < LEAST_SPREAD:
        return None
    deviation = spread / math.sqrt(next_one)
    lean = float(leans.mean())
    return float(lean / expected), float((expected - lean) / deviation)


def _neighbours(signal: Signal) -> tuple[np.ndarray, np.ndarray]:
    """The smaller and the larger of neighbours in the same channel that are not equal."""
    numbers = _ordered(signal)
    pairs = [(numbers[1:], numbers[:-1])]
    if numbers.ndim == 3:
        pairs.append((numbers[:, 1:], numbers[:, :-1]))
    one = np.concatenate([_thinned(first.ravel(), MOST_SAMPLES // 8) for first, _ in pairs])
    other = np.concatenate([_thinned(second.ravel(), MOST_SAMPLES // 8) for _, second in pairs])
    differ = one != other
    return np.minimum(one, other)[differ], np.maximum(one, other)[differ]


def _ordered(signal: Signal) -> np.ndarray:
    """The samples as int64 from 0 on, in their own order; floats as their words."""
    if signal.kind == "float":
        return signal.words.astype(np.int64)
    numbers = signal.samples.astype(np.int64)
    return numbers + 2 ** (signal.num_bits - 1) if signal.kind == "signed" else numbers


def _without_copies(numbers: np.ndarray) -> np.ndarray:
    """A picture without rows and columns that are copies of others: copies are no more draws."""
    if numbers.ndim < 3:
        return numbers
    return _different(_different(numbers).swapaxes(0, 1))


def _different(rows: np.ndarray) -> np.ndarray:
    """The rows that are not equal to an earlier one."""
    seen = {row.tobytes(): number for number, row in reversed(list(enumerate(rows)))}
    return rows if len(seen) == len(rows) else rows[sorted(seen.values())]


def _is_periodic(numbers: np.ndarray) -> bool:
    """Whether a sound repeats itself; see FOLLOWERS."""
    if numbers.ndim != 2 or len(numbers) < 2:
        return False
    values = numbers[: math.ceil(MOST_SAMPLES / numbers.shape[1])]
    distinct = len(np.unique(values))
    if values.size < REPEATED * distinct:
        return False
    followers = (values[:-1].astype(np.uint64) << np.uint64(32)) | values[1:].astype(np.uint64)
    return len(np.unique(followers)) < FOLLOWERS * distinct


def _thinned(numbers: np.ndarray, most: int = MOST_SAMPLES) -> np.ndarray:
    """At most so many of the samples, evenly spread."""
    return numbers[:: math.ceil(max(1, len(numbers)) / most)]


def _tail(deviations: float) -> float:
    """The chance of a normal variable to lie so many deviations out."""
    return 0.5 * math.erfc(deviations / math.sqrt(2))


def _replicated_from(words: np.ndarray, num_bits: int, entropy: list[float]) -> int | None:
    """The smallest width whose top bits fill the planes below, if those planes carry anything."""
    for width in range((num_bits + 1) // 2, num_bits):
        filled = num_bits - width
        if not all(entropy[:filled]):
            continue
        differences = words ^ (words >> np.uint32(width))
        if not np.any(differences & np.uint32((1 << filled) - 1)):
            return width
    return None


def _share_of_ones(words: np.ndarray, plane: int) -> float:
    return float(np.count_nonzero(words & np.uint32(1 << plane)) / words.size)


def _binary_entropy(share: float) -> float:
    if share in (0.0, 1.0):
        return 0.0
    return float(-share * np.log2(share) - (1 - share) * np.log2(1 - share))
