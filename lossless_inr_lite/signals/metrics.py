"""Differences between two signals, all on integer words (Section 4 of the paper).

`words` and `truth` are unsigned integers of one shape, (H, W, C) or (T, C), below 2^num_bits.
"""

import math
from typing import Any

import numpy as np

from lossless_inr_lite.errors import importing
from lossless_inr_lite.signals.signal import Signal

# Of the window of SSIM: Gaussian weights of sigma 1.5, cut off after 3.5 sigma, are 11 wide.
SSIM_SIGMA = 1.5
SSIM_WINDOW = 11


def plane_error_rates(words: np.ndarray, truth: np.ndarray, num_bits: int) -> np.ndarray:
    """Share of wrong bits in every plane, (num_bits,) float64, least significant first."""
    return plane_errors(words, truth, num_bits) / truth.size


def plane_errors(words: np.ndarray, truth: np.ndarray, num_bits: int) -> np.ndarray:
    """Number of wrong bits in every plane, (num_bits,) int64, least significant first."""
    wrong = words ^ truth
    counts = [np.count_nonzero(wrong & np.uint32(1 << plane)) for plane in range(num_bits)]
    return np.array(counts, dtype=np.int64)


def bit_error_rate(words: np.ndarray, truth: np.ndarray, num_bits: int) -> float:
    """BER: wrong bits over all bits."""
    return float(plane_errors(words, truth, num_bits).sum() / (truth.size * num_bits))


def rmse(words: np.ndarray, truth: np.ndarray) -> float:
    """Root mean squared error in steps of the integer samples."""
    difference = words.astype(np.float64) - truth.astype(np.float64)
    return math.sqrt(float(np.mean(difference**2)))


def psnr(words: np.ndarray, truth: np.ndarray, num_bits: int) -> float:
    """Peak signal-to-noise ratio, 20 log10((2^num_bits - 1) / RMSE), in dB.

    Infinity when nothing differs.
    """
    error = rmse(words, truth)
    if error == 0:
        return math.inf
    return 20 * math.log10((2**num_bits - 1) / error)


def ssim(words: np.ndarray, truth: np.ndarray, num_bits: int) -> float:
    """Structural similarity of pictures (H, W, C) with Gaussian weights (Wang et al., 2004).

    NaN below 11 x 11 pixels, where the window does not fit. Raises InputError without the package
    scikit-image.
    """
    if min(truth.shape[:2]) < SSIM_WINDOW:
        return math.nan
    with importing("scikit-image (in the extra [book])", "SSIM"):
        from skimage.metrics import structural_similarity
    similarity: Any = structural_similarity(
        truth.astype(np.float64),
        words.astype(np.float64),
        data_range=2**num_bits - 1,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=SSIM_SIGMA,
        use_sample_covariance=False,
    )
    return float(similarity)


def image_metrics(words: np.ndarray, truth: np.ndarray, num_bits: int) -> dict[str, float]:
    """PSNR, SSIM, RMSE and BER of one picture: the four columns of Table 1."""
    return {
        "psnr": psnr(words, truth, num_bits),
        "ssim": ssim(words, truth, num_bits),
        "rmse": rmse(words, truth),
        "ber": bit_error_rate(words, truth, num_bits),
    }


def sound_metrics(samples: np.ndarray, truth: np.ndarray, num_bits: int) -> dict[str, float]:
    """PSNR and SNR (dB) and RMSE (steps) of one sound, from its samples (T, C), not its words.

    The peak is the range: 2^num_bits - 1 for integers, 2 for floats. A decoded float that is NaN
    or infinite makes RMSE infinite and the others minus infinity.
    """
    peak = 2.0 if samples.dtype.kind == "f" else 2.0**num_bits - 1
    wanted = truth.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        error = float(np.mean((samples.astype(np.float64) - wanted) ** 2))
    if not math.isfinite(error):
        error = math.inf
    power = float(np.mean(wanted**2))
    return {
        "psnr": _decibels(peak**2, error),
        "snr": _decibels(power, error),
        "rmse": math.sqrt(error),
    }


def signal_metrics(words: np.ndarray, signal: Signal) -> dict[str, float | None]:
    """All metrics of decoded `words` beside the signal that they stand for.

    None stands for one that is not finite, as JSON has no word for it.
    """
    if signal.sample_rate is None:
        found = image_metrics(words, signal.words, signal.num_bits)
    else:
        samples = signal.spec.signal_samples(words)
        found = sound_metrics(samples, signal.samples, signal.num_bits)
        found["ber"] = bit_error_rate(words, signal.words, signal.num_bits)
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


def _decibels(power: float, error: float) -> float:
    """10 log10(power / error), infinite of either sign where that is its limit."""
    if error == 0:
        return math.inf
    if power == 0 or math.isinf(error):
        return -math.inf
    return 10 * math.log10(power / error)
