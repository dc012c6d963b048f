"""Differences between two signals, all on integer words (Section 4 of the paper)."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.metrics import structural_similarity

if TYPE_CHECKING:
    from lossless_inr_lite.signals.signal import Signal


def plane_error_rates(words: np.ndarray, truth: np.ndarray, num_bits: int) -> np.ndarray:
    """Share of wrong bits in every plane, (num_bits,), least significant first."""
    return plane_errors(words, truth, num_bits) / truth.size


def plane_errors(words: np.ndarray, truth: np.ndarray, num_bits: int) -> np.ndarray:
    """Number of wrong bits in every plane, (num_bits,) int64, least significant first."""
    wrong = (words ^ truth).ravel()
    return np.array(
        [np.count_nonzero(wrong & np.uint32(1 << i)) for i in range(num_bits)], dtype=np.int64
    )


def bit_error_rate(words: np.ndarray, truth: np.ndarray, num_bits: int) -> float:
    """BER: wrong bits over all bits."""
    return float(plane_errors(words, truth, num_bits).sum() / (truth.size * num_bits))


def rmse(words: np.ndarray, truth: np.ndarray) -> float:
    """Root mean squared error in steps of the integer samples."""
    difference = words.astype(np.float64) - truth.astype(np.float64)
    return math.sqrt(float(np.mean(difference**2)))


def psnr(words: np.ndarray, truth: np.ndarray, num_bits: int) -> float:
    """Peak signal-to-noise ratio in dB for the peak 2^num_bits - 1; infinity when nothing differs."""
    error = rmse(words, truth)
    return math.inf if error == 0 else 20 * math.log10((2**num_bits - 1) / error)


def ssim(words: np.ndarray, truth: np.ndarray, num_bits: int) -> float:
    """Structural similarity of pictures (H, W, C) with Gaussian weights of sigma 1.5 (Wang et al., 2004).

    NaN below 11 x 11 pixels, where the window does not fit.
    """
    if min(truth.shape[:2]) < 11:
        return math.nan
    similarity: Any = structural_similarity(
        truth.astype(np.float64),
        words.astype(np.float64),
        data_range=2**num_bits - 1,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
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
    """PSNR, SNR and RMSE of one sound (T, C), in dB and steps; the peak is the range: 2^n - 1, or 2 for floats.

    A decoded float that is NaN or infinite makes RMSE infinite and the others minus infinity.
    """
    peak = 2.0 if samples.dtype.kind == "f" else 2.0**num_bits - 1
    wanted = truth.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        error = float(np.mean((samples.astype(np.float64) - wanted) ** 2))
    error = error if math.isfinite(error) else math.inf
    power = float(np.mean(wanted**2))
    return {
        "psnr": _decibels(peak**2, error),
        "snr": _decibels(power, error),
        "rmse": math.sqrt(error),
    }


def _decibels(signal: float, error: float) -> float:
    if error == 0:
        return math.inf
    return 10 * math.log10(signal / error) if signal and math.isfinite(error) else -math.inf


def signal_metrics(words: np.ndarray, signal: "Signal") -> dict[str, float | None]:
    """All metrics of decoded `words` beside the signal that they stand for; None where one is not finite."""
    if signal.sample_rate is None:
        found = image_metrics(words, signal.words, signal.num_bits)
    else:
        found = sound_metrics(signal.spec.signal_samples(words), signal.samples, signal.num_bits)
        found["ber"] = bit_error_rate(words, signal.words, signal.num_bits)
    return {name: value if abs(value) < math.inf else None for name, value in found.items()}
