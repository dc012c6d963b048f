"""The figures, tables, players and verdicts of notebook 12_audio."""

import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import soundfile
from IPython.display import HTML, Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lossless_inr_lite.companion.chapters.c12_audio.study import (
    DINER,
    HEADS,
    METHODS,
    OURS,
    SIREN,
    STOPS,
    heard,
    plane_groups,
)
from lossless_inr_lite.companion.chapters.c12_audio.transcription import Recogniser, word_error_rate
from lossless_inr_lite.companion.claims import Verdict, judge, judge_both, judge_own
from lossless_inr_lite.companion.evidence import (
    Every,
    Evidence,
    Open,
    Range,
    Statement,
    by_signal,
    of_rows,
    of_signals,
)
from lossless_inr_lite.companion.media import player
from lossless_inr_lite.companion.plots import frame, panel
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.companion.tables import by_method, table
from lossless_inr_lite.signals import Signal
from lossless_inr_lite.signals.bits import plane_names
from lossless_inr_lite.signals.genuineness import genuineness

FLOOR = 1e-9
"""The lowest power in a spectrogram: 90 dB below full scale."""

LOWEST_BER = 1e-6
"""What stands for no error on a logarithmic axis."""

COLOURS = {SIREN: "#D55E00", DINER: "#CC79A7", OURS: "#0072B2", HEADS: "#009E73"}
EXPONENT_ENDS = 8.5
MANTISSA_ENDS = 31.5
GARBLED = 0.2
"""How far the word error rate of garbled speech is above that of the truth, at least."""

READ = 0.2
"""The word error rate below which a recogniser reads a sentence."""

Transcript = Mapping[str, Any]
"""What one recogniser heard in one sound: "sound", "recogniser", "text" and "wer"."""


# Reports on bits ---------------------------------------------------------------------------------


def sound_facts(signal: Signal) -> dict[str, Any]:
    """The genuineness report of a sound with its subtype, as JSON values."""
    return {"subtype": signal.subtype, "kind": signal.kind, **genuineness(signal).as_dict()}


def genuineness_table(reports: Mapping[str, Mapping[str, Any]]) -> Markdown:
    """How many of the declared bits each recording uses, from the dictionaries of `sound_facts`."""
    lines = []
    for name, report in reports.items():
        constant_planes = sum(entropy == 0 for entropy in report["plane_entropy"])
        lines.append(
            (
                html.escape(name),
                report["subtype"],
                report["num_bits"],
                f"{report['distinct']:,}",
                constant_planes,
                report["verdict"],
            )
        )
    head = ("recording", "subtype", "bits", "distinct values", "constant planes", "report")
    return table(head, lines)


def plane_entropies(reports: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Entropy of every plane of each recording, most significant first; floats by their parts."""
    figure, axes = panel((9, 3.2))
    for name, report in reports.items():
        entropies = report["plane_entropy"][::-1]
        # No formula in a file's name.
        label = f"{name}, {report['subtype']}".replace("$", r"\$")
        axes.plot(range(len(entropies)), entropies, "o-", markersize=3, label=label)
    edges = {
        "sign |": 0.5,
        "exponent |": EXPONENT_ENDS,
        "mantissa of floats |": MANTISSA_ENDS,
    }
    for text, edge in edges.items():
        axes.text(edge, 1.05, text, fontsize=7, ha="right")
    axes.set(xlabel="plane, from the most significant", ylabel="entropy, bits", ylim=(-0.03, 1.13))
    axes.legend(fontsize=7)
    return figure


# Figures of fits ---------------------------------------------------------------------------------


def waveforms(signal: Signal, decoded: Mapping[str, np.ndarray]) -> Figure:
    """A line for each sound: the waveform, what is wrong of it, and the spectrogram of that.

    Shown is the first channel.
    """
    truth = heard(signal.words, signal)[:, 0]
    rate = signal.sample_rate or 1
    figure, grid = frame(len(decoded), 3, (10, 1.7 * len(decoded) + 0.4))
    for panels, (name, words) in zip(grid, decoded.items(), strict=True):
        _waveform_line(panels, name, heard(words, signal)[:, 0], truth, rate)
    titles = ("waveform", "residual (own scale)", "residual, kHz, dB")
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize=9)
    for axes in grid[-1]:
        axes.set_xlabel("seconds", fontsize=8)
    return figure


def _waveform_line(
    panels: Sequence[Axes], name: str, sound: np.ndarray, truth: np.ndarray, rate: int
) -> None:
    waveform, residual, spectrogram = panels
    seconds = np.arange(len(truth)) / rate
    error = sound - truth
    waveform.plot(seconds, sound, linewidth=0.5, color=COLOURS.get(name, "black"))
    waveform.set_ylabel(name, fontsize=8)
    _set_limits(waveform, np.abs(truth).max())
    residual.plot(seconds, error, linewidth=0.5, color="black")
    _set_limits(residual, max(1e-5, np.abs(error).max()))
    spectrogram.imshow(
        _spectrogram(error, rate),
        origin="lower",
        aspect="auto",
        extent=(0, seconds[-1], 0, rate / 2000),
        cmap="magma",
        vmin=-90,
        vmax=0,
    )
    for axes in panels:
        axes.tick_params(labelsize=6)


def _set_limits(axes: Axes, largest: float) -> None:
    axes.set_ylim(-1.1 * largest, 1.1 * largest)


def _spectrogram(samples: np.ndarray, rate: int) -> np.ndarray:
    """Power in dB (frequencies, times) of Hann windows of 16 ms."""
    from scipy.signal import spectrogram

    length = min(len(samples), max(16, rate // 64))
    _, _, power = spectrogram(samples, rate, "hann", length, length // 2, scaling="spectrum")
    return 10 * np.log10(power + FLOOR)


def plane_errors(rows: Mapping[str, Sequence[float]], signal: Signal) -> Figure:
    """BER of every plane, most significant first, a line a method; the word's parts are named.

    `rows` holds BER by plane, least significant first.
    """
    figure, axes = panel((9, 3.2))
    planes = range(signal.num_bits)
    for method, errors in rows.items():
        shown = np.maximum(errors, LOWEST_BER)
        axes.plot(planes, shown, "o-", markersize=4, label=method, color=COLOURS.get(method))
    for name, part in plane_groups(signal.kind, signal.num_bits).items():
        axes.axvline(part.start - 0.5, color="grey", linewidth=0.6)
        axes.text((part.start + part.stop - 1) / 2, 1.0, name, fontsize=8, ha="center")
    names = plane_names(signal.num_bits, signal.kind)
    axes.set_xticks(planes, names, rotation=90, fontsize=6)
    axes.set(yscale="log", ylabel="BER", ylim=(5e-7, 2))
    axes.invert_xaxis()
    axes.legend(fontsize=8)
    return figure


def players(sounds: Mapping[str, np.ndarray], rate: int, gain: float = 1.0) -> HTML:
    """A player for each sound (T, C), inside the page itself: nothing is loaded from elsewhere."""
    return HTML("".join(_player(name, gain * sound, rate) for name, sound in sounds.items()))


def _player(name: str, samples: np.ndarray, rate: int) -> str:
    file = io.BytesIO()
    soundfile.write(file, np.clip(samples, -1, 1), rate, "PCM_16", format="WAV")
    line = "display:flex;flex-wrap:wrap;gap:.6rem;align-items:center;margin:.2rem 0"
    sound = player(file.getvalue(), "audio/wav", name, {"preload": "metadata"})
    label = f'<span style="min-width:14rem">{html.escape(name)}</span>'
    return f'<div style="{line}">{label}{sound}</div>'


# Tables of fits ----------------------------------------------------------------------------------


def quality_table(rows: Sequence[Row]) -> Markdown:
    """Exact fits, BER, SNR and PSNR at both common stops and at each fit's end.

    Figures are means over the sounds.
    """
    lines = []
    for method, group in by_method(rows).items():
        ends = [{**row["metrics"], "exact": row["lossless"]} for row in group]
        cells = [_quality_cell([row[stop] for row in group]) for stop in STOPS]
        seconds = sum(row["seconds"] for row in group) / len(group)
        parameters = sum(row["model"]["num_parameters"] for row in group) / len(group)
        lines.append((method, *cells, _quality_cell(ends), f"{seconds:.1f}", f"{parameters:,.0f}"))
    moments = [f"{moment}: exact, BER, SNR, PSNR" for moment in (*STOPS.values(), "own end")]
    return table(("method", *moments, "seconds", "parameters"), lines)


def _quality_cell(found: Sequence[Mapping[str, Any]]) -> str:
    exact = sum(bool(quality["exact"]) for quality in found)
    ber = sum(quality["ber"] for quality in found) / len(found)
    parts = [f"{exact} of {len(found)}", f"{ber:.4f}"]
    for name in ("snr", "psnr"):
        finite = [quality[name] for quality in found if quality[name] is not None]
        if finite:
            parts.append(f"{sum(finite) / len(finite):.1f} dB")
    return ", ".join(parts)


def fit_table(record: Row) -> Markdown:
    """One fit: the sound, its size, the cost, and how it ended."""
    signal = record["signal"]
    model = record["model"]
    proof = record["certificate"]
    samples, channels = signal["shape"]
    result = f"{record['wrong_bits']:,} wrong bits"
    if record["lossless"]:
        result = "certified lossless"
    lines = [
        ("Sound", f"{samples:,} samples, {channels} channels, {signal['sample_rate']:,} Hz"),
        ("Coding", f"{signal['subtype']}, {signal['num_bits']} bits"),
        ("Weights", f"{model['num_parameters']:,}, {model['bits_per_parameter']:.2f} bits each"),
        ("Cost", f"{record['iterations']:,} iterations, {record['seconds']:.1f} s"),
        ("Result", result),
        ("Smallest margin", f"{proof['smallest_margin']:.3g}" if proof else "-"),
    ]
    return table(("One fit", ""), lines)


def segment_table(segments: Mapping[str, Sequence[Mapping[str, Any]]]) -> Markdown:
    """SNR of every stretch by method; "exact" where nothing differs."""
    lines = []
    for stretches in zip(*segments.values(), strict=True):
        lines.append((f"{stretches[0]['start']:.2f} s", *(_snr(found) for found in stretches)))
    return table(("from", *(f"{name}, SNR in dB" for name in segments)), lines)


def _snr(found: Mapping[str, Any]) -> str:
    if found["exact"]:
        return "exact"
    return "-" if found["snr"] is None else f"{found['snr']:.1f}"


# Speech to text ----------------------------------------------------------------------------------


def transcribe(
    sounds: Mapping[str, np.ndarray], reference: str, recognisers: Mapping[str, Recogniser]
) -> list[dict[str, Any]]:
    """What each recogniser hears in the first channel of each sound (T, C), and its error rate.

    Nothing without recognisers.
    """
    found = []
    for who, recognise in recognisers.items():
        for name, samples in sounds.items():
            text = recognise(np.ascontiguousarray(samples[:, 0], dtype=np.float32))
            wer = word_error_rate(reference, text)
            found.append({"sound": name, "recogniser": who, "text": text, "wer": wer})
    return found


def transcript_table(
    heard: Sequence[Transcript], recognisers: Mapping[str, Recogniser]
) -> Markdown:
    """One line for each sound and recogniser, with the words.

    Where there are none, a line says why.
    """
    if not recognisers:
        return Markdown(
            "*No recogniser is installed (`pip install -e '.[stt]'`): see the recorded results.*"
        )
    if not heard:
        return Markdown("*No recording here has both 16 kHz and a transcript.*")
    lines = []
    for one in heard:
        words = html.escape(one["text"]) or "-"
        lines.append((one["sound"], one["recogniser"], f"{one['wer']:.2f}", words))
    return table(("sound", "recogniser", "word error rate", "what it heard"), lines)


def error_rates(heard: Sequence[Transcript]) -> dict[str, dict[str, float]]:
    """Mean word error rate over recordings: recogniser -> sound -> rate."""
    return {
        who: {sound: sum(rates) / len(rates) for sound, rates in found.items()}
        for who, found in _all_error_rates(heard).items()
    }


def _all_error_rates(heard: Sequence[Transcript]) -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = {}
    for one in heard:
        of_recogniser = found.setdefault(one["recogniser"], {})
        of_recogniser.setdefault(one["sound"], []).append(one["wer"])
    return found


def error_rate_table(heard: Sequence[Transcript]) -> Markdown:
    """`error_rates` with the number of recordings."""
    rates = error_rates(heard)
    lines = []
    for sound in dict.fromkeys(one["sound"] for one in heard):
        transcripts = sum(one["sound"] == sound for one in heard)
        cells = [f"{found[sound]:.3f}" if sound in found else "-" for found in rates.values()]
        lines.append((sound, transcripts // max(1, len(rates)), *cells))
    return table(("sound", "recordings", *(f"word error rate, {who}" for who in rates)), lines)


# Verdicts ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Heard:
    """The transcripts of one recogniser: word error rates by sound, one for each recording."""

    rates: Mapping[str, Sequence[float]]

    def count(self, sound: str) -> int:
        return len(self.rates.get(sound, ()))

    def mean(self, sound: str) -> float:
        return sum(self.rates[sound]) / len(self.rates[sound])


def verdicts(rows: Sequence[Row], heard: Sequence[Transcript], as_floats: Row) -> list[Verdict]:
    """Fig. 12 and Table 9, judged on these fits and transcripts; the strongest recogniser decides.

    What is said of the moment when the heads are done is undecided where a fit of theirs is not
    lossless.
    """
    found = by_method(rows)
    heads = found.get(HEADS, [])
    heads_are_done = all(row["lossless"] for row in heads)
    strongest = _Heard(next(iter(_all_error_rates(heard).values()), {}))
    return [
        _judge_floats(as_floats),
        *_judge_garbled("table9/SIREN", SIREN, strongest, heads),
        *_judge_garbled("table9/DINER", DINER, strongest, heads),
        _judge_ours(found.get(OURS, [])),
        _judge_heads(heads),
        _judge_truth(strongest, heads),
        _judge_values(found, heads_are_done),
    ]


def _judge_floats(fit: Row) -> Verdict:
    seconds = fit["signal"]["shape"][0] / fit["signal"]["sample_rate"]
    result = "certified" if fit["lossless"] else f"{fit['wrong_bits']:,} wrong bits"
    return judge(
        "fig12",
        f"{seconds:g} s, a head a bit: {result}",
        "certified",
        Every(by_signal([fit], [fit["lossless"]])),
        of_rows([fit], "LibriSpeech", settings="a head for each bit, in tiles, by the recipe fast"),
    )


def _judge_garbled(
    claim_id: str, method: str, heard: _Heard, heads: Sequence[Row]
) -> list[Verdict]:
    """Garbled: many more words are wrong than the recogniser gets wrong of the truth.

    The paper's transcripts are at PSNRs that it prints; ours are of the moment when bits are exact.
    """
    sound = f"{method}, {STOPS['at_end_of_heads']}"
    count = min(heard.count(sound), heard.count("truth"))
    ours = "undecided"
    statement: Statement = Open("bit heads are not lossless, or there is no transcript")
    if count and all(row["lossless"] for row in heads):
        rate = heard.mean(sound)
        of_truth = heard.mean("truth")
        ours = f"word error rate {rate:.3f} against {of_truth:.3f}"
        excess = [
            one - truth
            for one, truth in zip(heard.rates[sound], heard.rates["truth"], strict=False)
        ]
        statement = Range({str(place): [one] for place, one in enumerate(excess)}, low=GARBLED)
    tolerance = (
        f"word error rate at least {GARBLED} above the truth's, at the moment when bits are "
        "lossless"
    )
    evidence = of_rows(
        heads, "LibriSpeech", settings="of the moment when bits are exact, not the paper's PSNR"
    )
    return judge_both(claim_id, ours, tolerance, statement, replace(evidence, fits=count))


def _judge_ours(fits: Sequence[Row]) -> Verdict:
    return judge("table9/ours", _certified(fits), "all", _all_lossless(fits), _evidence(fits))


def _judge_heads(fits: Sequence[Row]) -> Verdict:
    return judge_own(
        "so-does-a-head-a-bit-with-as-many-weights",
        "a head per bit gives the speech back exactly too, with as many weights",
        _certified(fits),
        "all",
        _all_lossless(fits),
        _evidence(fits),
    )


def _evidence(fits: Sequence[Row]) -> Evidence:
    """The paper tells no rate for sound, so any is as good as its own."""
    return of_rows(fits, "LibriSpeech")


def _certified(fits: Sequence[Row]) -> str:
    exact = sum(fit["lossless"] for fit in fits)
    return f"{exact} of {len(fits)} certified"


def _all_lossless(fits: Sequence[Row]) -> Statement:
    return Every(by_signal(fits, [fit["lossless"] for fit in fits]))


def _judge_truth(heard: _Heard, heads: Sequence[Row]) -> Verdict:
    """A rule: no network is trained. The recordings are those of the fits."""
    count = heard.count("truth")
    ours = "no recogniser"
    statement: Statement = Open("no recogniser is installed")
    if count:
        ours = f"word error rate {heard.mean('truth'):.3f}"
        rates = {str(place): [rate] for place, rate in enumerate(heard.rates["truth"])}
        statement = Range(rates, high=READ)
    names = [row["signal"]["name"] for row in heads]
    evidence = replace(of_signals(names, "LibriSpeech", count=count), fits=count)
    return judge("table9/groundtruth", ours, f"error rate below {READ}", statement, evidence)


def _judge_values(found: Mapping[str, Sequence[Row]], heads_are_done: bool) -> Verdict:
    rows = [row for method in METHODS if "values" in method for row in found.get(method, [])]
    exact = [row["at_end_of_heads"]["exact"] for row in rows]
    none = Every(by_signal(rows, [not one for one in exact]))
    return judge_own(
        "no-network-asked-for-values-is-exact-when-the-heads-are",
        "no network asked for values is exact when the heads are",
        f"{sum(exact)} of {len(exact)} are",
        "none",
        none if heads_are_done else Open("the heads are not lossless"),
        # They are compared at the end of the heads, not at their own.
        replace(_evidence(rows), capped=0),
    )
