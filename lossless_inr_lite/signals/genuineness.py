"""Does a picture or a sound really carry the bits that its file declares?"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lossless_inr_lite.signals.signal import Signal


@dataclass(frozen=True)
class Genuineness:
    """How many of the declared bits a signal uses.

    - distinct: number of different values.
    - gcd: greatest common divisor of their differences, 0 for a constant. Above 1 the values lie
      on a coarser lattice, as those of a stretched picture do.
    - plane_entropy: entropy in bits of every plane, least significant first; 0 is a constant plane.
    - replicated_from: k when every plane below num_bits - k repeats the plane k above it (bit
      replication of k-bit data), else None.
    - genuine: none of these signs was found.
    - verdict: one sentence.
    """

    num_bits: int
    distinct: int
    gcd: int
    plane_entropy: list[float]
    replicated_from: int | None
    genuine: bool
    verdict: str

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)


def genuineness(signal: Signal) -> Genuineness:
    """The report on one signal; see `Genuineness` for what each field means."""
    words = signal.words.ravel()
    num_bits = signal.num_bits
    values = np.unique(words)
    gcd = int(np.gcd.reduce(np.diff(values))) if len(values) > 1 else 0
    entropy = [_binary_entropy(_share_of_ones(words, plane)) for plane in range(num_bits)]
    replicated = _replicated_from(words, num_bits, entropy)
    genuine = gcd == 1 and replicated is None
    if genuine:
        used = sum(bits > 0 for bits in entropy)
        verdict = f"genuine: steps of 1 in {num_bits} bits, {used} planes in use"
    else:
        verdict = _reason(num_bits, values, gcd, replicated)
    return Genuineness(num_bits, len(values), gcd, entropy, replicated, genuine, verdict)


def _reason(num_bits: int, values: np.ndarray, gcd: int, replicated: int | None) -> str:
    """Why the signal is not genuine."""
    if gcd == 0:
        return "constant: one value only"
    if gcd > 1:
        steps = (int(values[-1]) - int(values[0])) // gcd
        width = steps.bit_length()
        return f"not genuine: values lie {gcd} apart, {width}-bit data in {num_bits} bits"
    return f"not genuine: {replicated}-bit data, its top bits repeated to fill {num_bits} bits"


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
