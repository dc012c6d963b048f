"""Does a picture or a sound really carry the bits that its file declares?"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lossless_inr_lite.signals.signal import Signal


@dataclass(frozen=True)
class Genuineness:
    """How many of the declared bits a signal uses.

    distinct: number of different values. gcd: greatest common divisor of their differences; above 1 the values
    lie on a coarser lattice, as a stretched picture's do. plane_entropy: entropy in bits of every plane, least
    significant first; 0 is a constant plane. replicated_from: k when every plane below num_bits - k repeats the
    plane k above it (bit replication of k-bit data), else None. genuine: none of these signs was found.
    """

    num_bits: int
    distinct: int
    gcd: int
    plane_entropy: list[float]
    replicated_from: int | None
    genuine: bool
    verdict: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def genuineness(signal: Signal) -> Genuineness:
    """The report on one signal; see `Genuineness` for what each field means."""
    words = signal.words.ravel()
    values = np.unique(words)
    gcd = int(np.gcd.reduce(np.diff(values))) if len(values) > 1 else 0
    entropy = [_binary_entropy(_share_of_ones(words, i)) for i in range(signal.num_bits)]
    replicated = _replicated_from(words, signal.num_bits, entropy)
    verdict = _verdict(signal.num_bits, values, gcd, entropy, replicated)
    return Genuineness(
        signal.num_bits,
        len(values),
        gcd,
        entropy,
        replicated,
        verdict.startswith("genuine"),
        verdict,
    )


def _share_of_ones(words: np.ndarray, plane: int) -> float:
    return float(np.count_nonzero(words & np.uint32(1 << plane)) / words.size)


def _replicated_from(words: np.ndarray, num_bits: int, entropy: list[float]) -> int | None:
    for width in range((num_bits + 1) // 2, num_bits):
        low = num_bits - width
        if all(entropy[:low]) and not np.any(
            (words ^ (words >> np.uint32(width))) & np.uint32((1 << low) - 1)
        ):
            return width
    return None


def _binary_entropy(share: float) -> float:
    if share in (0.0, 1.0):
        return 0.0
    return float(-share * np.log2(share) - (1 - share) * np.log2(1 - share))


def _verdict(
    num_bits: int, values: np.ndarray, gcd: int, entropy: list[float], replicated: int | None
) -> str:
    if gcd == 0:
        return "constant: one value only"
    if gcd > 1:
        steps = (int(values[-1]) - int(values[0])) // gcd
        return (
            f"not genuine: values lie {gcd} apart, {steps.bit_length()}-bit data in {num_bits} bits"
        )
    if replicated is not None:
        return f"not genuine: {replicated}-bit data, its top bits repeated to fill {num_bits} bits"
    return f"genuine: steps of 1 in {num_bits} bits, {sum(h > 0 for h in entropy)} planes in use"
