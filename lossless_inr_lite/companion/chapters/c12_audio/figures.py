"""The figures, tables, players and verdicts of notebook 12."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import soundfile
from IPython.display import HTML, Markdown
from matplotlib.figure import Figure

from lossless_inr_lite.companion.chapter import table
from lossless_inr_lite.companion.chapters.c12_audio.study import (
    HEADS,
    METHODS,
    OURS,
    STOPS,
    heard,
    plane_groups,
)
from lossless_inr_lite.companion.chapters.c12_audio.transcription import Recogniser, word_error_rate
from lossless_inr_lite.companion.records import Verdict, paper_value, verdict
from lossless_inr_lite.companion.tables import Row, by_method
from lossless_inr_lite.signals.bits import plane_names
from lossless_inr_lite.signals.genuineness import genuineness
from lossless_inr_lite.signals.signal import Signal

FLOOR = 1e-9  # of power in a spectrogram: 90 dB below full scale
COLOURS = {
    "SIREN, values": "#D55E00",
    "DINER, values": "#CC79A7",
    OURS: "#0072B2",
    HEADS: "#009E73",
}


def genuineness_table(reports: Mapping[str, Mapping[str, Any]]) -> Markdown:
    """How many of the declared bits each recording uses, from the dictionaries of `sound_facts`."""
    lines = [
        (
            html.escape(name),
            r["subtype"],
            r["num_bits"],
            f"{r['distinct']:,}",
            sum(h == 0 for h in r["plane_entropy"]),
            r["verdict"],
        )
        for name, r in reports.items()
    ]
    return table(
        ("recording", "subtype", "bits", "distinct values", "constant planes", "report"), lines
    )


def sound_facts(signal: Signal) -> dict[str, Any]:
    """The genuineness report of a sound with its subtype, as JSON values."""
    return {"subtype": signal.subtype, "kind": signal.kind, **genuineness(signal).as_dict()}


def plane_entropies(reports: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Entropy of every plane of each recording, counted from the most significant one; floats by their parts."""
    figure, axes = plt.subplots(figsize=(9, 3.2))
    for name, report in reports.items():
        entropies = report["plane_entropy"][::-1]
        label = f"{name}, {report['subtype']}".replace("$", r"\$")  # no formula in a file's name
        axes.plot(range(len(entropies)), entropies, "o-", markersize=3, label=label)
    for edge, text in ((0.5, "sign |"), (8.5, "exponent |"), (31.5, "mantissa of floats |")):
        axes.text(edge, 1.05, text, fontsize=7, ha="right")
    axes.set(xlabel="plane, from the most significant", ylabel="entropy, bits", ylim=(-0.03, 1.13))
    axes.legend(fontsize=7)
    figure.tight_layout()
    return figure


def waveforms(signal: Signal, decoded: Mapping[str, np.ndarray]) -> Figure:
    """A line for each: the waveform, what is wrong of it, and the spectrogram of that (first channel)."""
    truth, rate = heard(signal.words, signal)[:, 0], signal.sample_rate or 1
    seconds = np.arange(len(truth)) / rate
    figure, grid = plt.subplots(
        len(decoded), 3, figsize=(10, 1.7 * len(decoded) + 0.4), squeeze=False
    )
    for row, (name, words) in zip(grid, decoded.items(), strict=True):
        sound = heard(words, signal)[:, 0]
        error = sound - truth
        row[0].plot(seconds, sound, linewidth=0.5, color=COLOURS.get(name, "black"))
        row[0].set_ylabel(name, fontsize=8)
        row[1].plot(seconds, error, linewidth=0.5, color="black")
        spectrum, _, _ = _spectrogram(error, rate)
        row[2].imshow(
            spectrum,
            origin="lower",
            aspect="auto",
            extent=(0, seconds[-1], 0, rate / 2000),
            cmap="magma",
            vmin=-90,
            vmax=0,
        )
        for axes, limit in zip(
            row[:2], (np.abs(truth).max(), max(1e-5, np.abs(error).max())), strict=True
        ):
            axes.set_ylim(-1.1 * limit, 1.1 * limit)
            axes.tick_params(labelsize=6)
        row[2].tick_params(labelsize=6)
    for axes, title in zip(
        grid[0], ("waveform", "residual (own scale)", "residual, kHz, dB"), strict=True
    ):
        axes.set_title(title, fontsize=9)
    for axes in grid[-1]:
        axes.set_xlabel("seconds", fontsize=8)
    figure.tight_layout()
    return figure


def _spectrogram(samples: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Power in dB (frequencies, times) of Hann windows of 16 ms."""
    from scipy.signal import spectrogram

    length = min(len(samples), max(16, rate // 64))
    frequencies, times, power = spectrogram(
        samples, rate, "hann", length, length // 2, scaling="spectrum"
    )
    return 10 * np.log10(power + FLOOR), frequencies, times


def plane_errors(rows: Mapping[str, Sequence[float]], signal: Signal) -> Figure:
    """BER of every plane, most significant first, a line a method; the parts of the word are named."""
    names, groups = (
        plane_names(signal.num_bits, signal.kind),
        plane_groups(signal.kind, signal.num_bits),
    )
    figure, axes = plt.subplots(figsize=(9, 3.2))
    places = range(signal.num_bits - 1, -1, -1)
    for method, errors in rows.items():
        axes.plot(
            list(places),
            np.maximum(errors, 1e-6)[::-1],
            "o-",
            markersize=4,
            label=method,
            color=COLOURS.get(method),
        )
    for name, planes in groups.items():
        axes.axvline(planes.start - 0.5, color="grey", linewidth=0.6)
        axes.text((planes.start + planes.stop - 1) / 2, 1.0, name, fontsize=8, ha="center")
    axes.set_xticks(list(places)[::-1], names, rotation=90, fontsize=6)
    axes.set(yscale="log", ylabel="BER", ylim=(5e-7, 2))
    axes.invert_xaxis()
    axes.legend(fontsize=8)
    figure.tight_layout()
    return figure


def players(sounds: Mapping[str, np.ndarray], rate: int, gain: float = 1.0) -> HTML:
    """A player for each sound (T, C), inside the page itself: nothing is loaded from elsewhere."""
    lines = []
    for name, samples in sounds.items():
        file = io.BytesIO()
        soundfile.write(file, np.clip(gain * samples, -1, 1), rate, "PCM_16", format="WAV")
        data, label = base64.b64encode(file.getvalue()).decode(), html.escape(name)
        lines.append(
            f'<div style="display:flex;flex-wrap:wrap;gap:.6rem;align-items:center;margin:.2rem 0">'
            f'<span style="min-width:14rem">{label}</span><audio controls preload="metadata" aria-label="{label}" '
            f'src="data:audio/wav;base64,{data}" style="max-width:100%"></audio></div>'
        )
    return HTML("".join(lines))


def quality_table(rows: Sequence[Row]) -> Markdown:
    """Exact fits, BER, SNR and PSNR at both common stops and at each fit's end: means over the sounds."""
    lines = []
    for method, group in by_method(rows).items():
        ends = [{**row["metrics"], "exact": row["lossless"]} for row in group]
        cells = [_cell([row[stop] for row in group]) for stop in STOPS] + [_cell(ends)]
        seconds = f"{sum(row['seconds'] for row in group) / len(group):.1f}"
        parameters = sum(row["model"]["num_parameters"] for row in group) / len(group)
        lines.append((method, *cells, seconds, f"{parameters:,.0f}"))
    head = (
        "method",
        *(f"{text}: exact, BER, SNR, PSNR" for text in (*STOPS.values(), "own end")),
        "seconds",
    )
    return table((*head, "parameters"), lines)


def _cell(found: Sequence[Mapping[str, Any]]) -> str:
    exact = sum(bool(q["exact"]) for q in found)
    ber = sum(q["ber"] for q in found) / len(found)
    decibels = [
        f"{sum(v) / len(v):.1f} dB"
        for name in ("snr", "psnr")
        if (v := [q[name] for q in found if q[name] is not None])
    ]
    return ", ".join([f"{exact} of {len(found)}", f"{ber:.4f}", *decibels])


def fit_table(record: Mapping[str, Any]) -> Markdown:
    """One fit: the sound, its size, the cost, and how it ended."""
    signal, model, proof = record["signal"], record["model"], record["certificate"]
    return table(
        ("One fit", ""),
        [
            (
                "Sound",
                f"{signal['shape'][0]:,} samples, {signal['shape'][1]} channels, {signal['sample_rate']:,} Hz",
            ),
            ("Coding", f"{signal['subtype']}, {signal['num_bits']} bits"),
            (
                "Weights",
                f"{model['num_parameters']:,}, {model['bits_per_parameter']:.2f} bits each",
            ),
            ("Cost", f"{record['iterations']:,} iterations, {record['seconds']:.1f} s"),
            (
                "Result",
                "certified lossless"
                if record["lossless"]
                else f"{record['wrong_bits']:,} wrong bits",
            ),
            ("Smallest margin", f"{proof['smallest_margin']:.3g}" if proof else "-"),
        ],
    )


def segment_table(segments: Mapping[str, Sequence[Mapping[str, Any]]]) -> Markdown:
    """SNR of every stretch by method; "exact" where nothing differs."""
    first = next(iter(segments.values()))
    lines = [
        (f"{q['start']:.2f} s", *(_snr(found[i]) for found in segments.values()))
        for i, q in enumerate(first)
    ]
    return table(("from", *(f"{name}, SNR in dB" for name in segments)), lines)


def _snr(found: Mapping[str, Any]) -> str:
    return "exact" if found["exact"] else f"{found['snr']:.1f}" if found["snr"] is not None else "-"


def transcribe(
    sounds: Mapping[str, np.ndarray], reference: str, recognisers: Mapping[str, Recogniser]
) -> list[dict[str, Any]]:
    """What each recogniser hears in each sound (T, C), and its word error rate; nothing without recognisers."""
    return [
        {"sound": name, "recogniser": who, "text": said, "wer": word_error_rate(reference, said)}
        for who, recognise in recognisers.items()
        for name, samples in sounds.items()
        for said in [recognise(np.ascontiguousarray(samples[:, 0], dtype=np.float32))]
    ]


def transcript_table(
    heard: Sequence[Mapping[str, Any]], recognisers: Mapping[str, Recogniser]
) -> Markdown:
    """One line for each sound and recogniser, with the words; a line that says why where there are none."""
    if not recognisers:
        return Markdown(
            "*No recogniser is installed (`pip install -e '.[stt]'`): see the recorded results.*"
        )
    if not heard:
        return Markdown("*No recording here has both 16 kHz and a transcript.*")
    return table(
        ("sound", "recogniser", "word error rate", "what it heard"),
        [
            (h["sound"], h["recogniser"], f"{h['wer']:.2f}", html.escape(h["text"]) or "-")
            for h in heard
        ],
    )


def error_rates(heard: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Mean word error rate over recordings: recogniser -> sound -> rate."""
    values: dict[str, dict[str, list[float]]] = {}
    for h in heard:
        values.setdefault(h["recogniser"], {}).setdefault(h["sound"], []).append(h["wer"])
    return {
        who: {sound: sum(v) / len(v) for sound, v in found.items()} for who, found in values.items()
    }


def error_rate_table(heard: Sequence[Mapping[str, Any]]) -> Markdown:
    """`error_rates` with the number of recordings."""
    rates = error_rates(heard)
    sounds = list(dict.fromkeys(h["sound"] for h in heard))
    counts = {s: sum(h["sound"] == s for h in heard) // max(1, len(rates)) for s in sounds}
    lines = [
        (s, counts[s], *(f"{found[s]:.3f}" if s in found else "-" for found in rates.values()))
        for s in sounds
    ]
    return table(("sound", "recordings", *(f"word error rate, {who}" for who in rates)), lines)


def verdicts(
    rows: Sequence[Row], heard: Sequence[Mapping[str, Any]], as_floats: Row
) -> list[Verdict]:
    """Fig. 12 and Table 9, judged on these fits and transcripts; the strongest recogniser decides.

    What is said of the moment when the heads are done is undecided where a fit of theirs is not lossless.
    """
    found, best = by_method(rows), next(iter(error_rates(heard).values()), {})
    done = all(row["lossless"] for row in found[HEADS])
    exact = [
        row["at_end_of_heads"]["exact"]
        for name in METHODS
        if "values" in name
        for row in found[name]
    ]
    last = verdict(
        "our question",
        "no network asked for values is exact when the heads are",
        "not told",
        f"{sum(exact)} of {len(exact)} are",
        "none",
        not any(exact),
    )
    return [
        _as_floats(as_floats),
        _garbled(best if done else {}, "SIREN, values", "SIREN"),
        _garbled(best if done else {}, "DINER, values", "DINER"),
        _exact(found[OURS], "the bit coordinate gives the speech back exactly", "table9/ours"),
        _exact(found[HEADS], "so does a head a bit, with as many weights", ""),
        _truth(best),
        last if done else replace(last, verdict="not attempted"),
    ]


def _as_floats(fit: Row) -> Verdict:
    seconds = fit["signal"]["shape"][0] / fit["signal"]["sample_rate"]
    result = "certified" if fit["lossless"] else f"{fit['wrong_bits']:,} wrong bits"
    return verdict(
        "Fig. 12",
        "speech as 32-bit floats is fitted without a residual",
        "lossless",
        f"{seconds:g} s, a head a bit: {result}",
        "certified",
        fit["lossless"],
        row="fig12",
    )


def _garbled(best: Mapping[str, float], name: str, row: str) -> Verdict:
    """Garbled is at least a fifth of the words more than the recogniser gets wrong of the truth."""
    claim = f"{name}: garbled at the moment when bits are lossless"
    printed, sound = (
        f"{paper_value('table9', 'psnr', audio=row)} dB, garbled",
        f"{name}, {STOPS['at_end_of_heads']}",
    )
    tolerance = "word error rate at least 0.2 above the truth's"
    if sound not in best or "truth" not in best:
        return Verdict(
            "Table 9", claim, printed, "undecided", tolerance, "not attempted", f"table9/{row}"
        )
    ours = f"word error rate {best[sound]:.3f} against {best['truth']:.3f}"
    return verdict(
        "Table 9",
        claim,
        printed,
        ours,
        tolerance,
        best[sound] - best["truth"] >= 0.2,
        row=f"table9/{row}",
    )


def _exact(fits: Sequence[Row], claim: str, row: str) -> Verdict:
    """Undecided where the budget ended before a fit was lossless: the paper names none for sound."""
    exact = sum(fit["lossless"] for fit in fits)
    result = verdict(
        "Table 9" if row else "our question",
        claim,
        "lossless" if row else "not told",
        f"{exact} of {len(fits)} certified",
        "all",
        exact == len(fits),
        row=row,
    )
    return result if exact == len(fits) else replace(result, verdict="not attempted")


def _truth(best: Mapping[str, float]) -> Verdict:
    claim, row = "the recogniser reads the truth", "table9/groundtruth"
    if "truth" not in best:
        return Verdict(
            "Table 9",
            claim,
            "reads the sentence",
            "no recogniser",
            "error rate below 0.2",
            "not attempted",
            row,
        )
    return verdict(
        "Table 9",
        claim,
        "reads the sentence",
        f"word error rate {best['truth']:.3f}",
        "error rate below 0.2",
        best["truth"] < 0.2,
        row=row,
    )
