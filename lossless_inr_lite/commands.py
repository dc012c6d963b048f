"""What the commands do; `__main__` parses them and turns errors into one sentence.

Each command imports what it needs when it runs: torch takes longer than most of them.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.errors import DivergedError
from lossless_inr_lite.signals import load_image, load_signal, untold

if TYPE_CHECKING:
    from lossless_inr_lite.storage.fitted import Fit

# Exit codes.
DONE = 0
DIFFERENT = 1
BAD_INPUT = 2
BUDGET_ENDED = 3


def fit_command(
    signal: str,
    output: Path,
    recipe: str,
    size: int | None,
    num_bits: int | None,
    max_pixels: int,
    max_iterations: int | None,
    max_seconds: float | None,
    **options: Any,
) -> int:
    """Fit a picture or a sound, save the network in any case, and certify the saved file."""
    started = time.perf_counter()
    from lossless_inr_lite.storage.certify import certify_fit, check_output, save
    from lossless_inr_lite.storage.fitted import Fit
    from lossless_inr_lite.training.budget import Budget
    from lossless_inr_lite.training.fit import fit, forget_parts, warm_up

    budget = Budget(max_iterations, max_seconds)
    check_output(output)
    source = load_signal(signal, size, num_bits, max_pixels)
    fields = Architecture.__dataclass_fields__
    architecture = Architecture(**{name: options.pop(name) for name in fields if name in options})
    parts = Path(f"{output}.parts")
    warm_up()
    try:
        result = fit(
            source,
            architecture,
            recipe,
            budget.after(time.perf_counter() - started),
            resume_dir=parts,
            saved_as=output.suffix,
            certify=False,
            **options,
        )
    except DivergedError as error:
        kept = ""
        if isinstance(error.best, Fit):
            save(error.best, output)
            wrong = error.best.entry.wrong_bits
            kept = f"; the best weights so far ({wrong} wrong bits) are in {output}"
        print(f"error: {error}{kept}", file=sys.stderr)
        return BUDGET_ENDED
    save(result, output)
    result.certificate = certify_fit(result, output, source)
    save(result, output)
    if result.lossless:
        forget_parts(parts)
    elif parts.is_dir():
        print(f"finished tiles are kept in {parts}: the same command goes on", file=sys.stderr)
    print(_summary(result, output))
    return DONE if result.lossless else BUDGET_ENDED


def _summary(result: "Fit", output: Path) -> str:
    last = result.history.last
    wrong_bits = result.entry.wrong_bits
    if result.lossless:
        verdict = "certified lossless"
    else:
        verdict = f"NOT lossless ({result.stopped}), {wrong_bits} wrong bits"
    return (
        f"{output}: {verdict}; {result.model.spec.total_bits} bits, "
        f"{result.num_parameters} parameters, {last.iteration} iterations, "
        f"{last.samples_seen} samples seen, {last.seconds:.1f} s"
    )


def decode_command(network: Path, output: Path) -> int:
    """Write the signal that a saved network stands for."""
    from lossless_inr_lite.files import check_writable
    from lossless_inr_lite.signals.audio_files import check_audio_output, write_audio
    from lossless_inr_lite.signals.image_files import check_image_output, write_image
    from lossless_inr_lite.storage.saved import read_model

    model, header = read_model(network)
    spec = model.spec
    check_writable(output)
    if spec.sample_rate is not None and spec.subtype is not None:
        left_out = check_audio_output(output, spec.subtype, spec.meaning)
        signal = model.signal()
        write_audio(
            output, signal.samples, spec.num_bits, spec.sample_rate, spec.subtype, spec.meaning
        )
    else:
        left_out = check_image_output(output, spec)
        signal = model.signal()
        write_image(output, signal.samples, spec.num_bits, spec.meaning)
    exact = signal.sha256 == header.sha256_samples
    verdict = "the same samples as" if exact else "NOT the same samples as"
    print(f"{output}: {verdict} {signal.name} that was fitted")
    _tell_not_kept(output, left_out)
    return DONE


def _tell_not_kept(what: Path | str, phrases: Sequence[str]) -> None:
    """Say in one line what stood in a file and is not kept."""
    if phrases:
        print(f"{what}: not kept: {', '.join(phrases)}", file=sys.stderr)


def verify_command(network: Path, signal: str, size: int | None, max_pixels: int) -> int:
    """Compare a saved network with the signal: every sample, the shape, depth, rate and subtype."""
    from lossless_inr_lite.storage.saved import read_model

    model, _ = read_model(network)
    source = load_signal(signal, size, max_pixels=max_pixels)
    # What the source's format cannot say is no difference: a file that `decode` wrote lacks it.
    unsaid = untold(model.spec.meaning, source)
    said = {name: value for name, value in model.spec.meaning.facts.items() if name not in unsaid}
    ours: dict[str, Any] = model.spec.facts | {"meaning": said}
    theirs: dict[str, Any] = {"meaning": {}} | source.spec.facts
    for what in ours:
        if ours[what] != theirs[what]:
            hint = ""
            if what == "shape" and size is None:
                hint = f" (was it fitted with --size {ours['shape'][0]}?)"
            print(
                f"different: {what} is {ours[what]} in {network.name} "
                f"and {theirs[what]} in {source.name}{hint}"
            )
            return DIFFERENT
    words, _ = model.decode()
    differ = np.argwhere(words != source.words)
    if len(differ):
        first = tuple(int(i) for i in differ[0])
        print(f"different: {len(differ)} of {source.samples.size} samples, the first at {first}")
        return DIFFERENT
    print(f"identical: all {source.samples.size} samples of {source.num_bits} bits")
    if unsaid:
        print(f"{source.read_from} files cannot hold {', '.join(unsaid.values())}", file=sys.stderr)
    return DONE


def info_command(file: Path, max_pixels: int) -> int:
    """Print one JSON object: a network's header and verdict, or a signal's facts."""
    from lossless_inr_lite.storage.saved import SUFFIXES

    facts = _network_facts(file) if file.suffix in SUFFIXES else _signal_facts(file, max_pixels)
    print(json.dumps(facts, indent=2))
    return DONE


def _network_facts(file: Path) -> Mapping[str, Any]:
    from lossless_inr_lite.storage.certificate import read_certificate
    from lossless_inr_lite.storage.saved import read_model

    _, header = read_model(file)
    certificate = read_certificate(file, header.sha256_weights)
    facts = header.facts()
    facts["lossless"] = certificate is not None and certificate.lossless
    if certificate is not None:
        facts["smallest_margin"] = certificate.smallest_margin
    return facts


def _signal_facts(file: Path, max_pixels: int) -> Mapping[str, Any]:
    from lossless_inr_lite.signals.genuineness import genuineness

    signal = load_signal(file, max_pixels=max_pixels)
    return {
        "name": signal.name,
        **signal.spec.facts,
        "sha256_samples": signal.sha256,
        "genuineness": genuineness(signal).as_dict(),
    }


def expand_command(
    picture: str,
    output: Path,
    from_bits: int | None,
    to_bits: int,
    method: str,
    seed: int,
    max_pixels: int,
) -> int:
    """Guess the low bits that a picture lacks, and write it with N bits; its own bits stay."""
    from lossless_inr_lite.expansion import check_expansion, expand_signal
    from lossless_inr_lite.files import check_writable
    from lossless_inr_lite.signals.image_files import check_image_output, write_image

    source = load_image(picture, max_pixels=max_pixels)
    kept = check_expansion(source, to_bits, from_bits, method)
    check_image_output(output, replace(source.spec, num_bits=to_bits))
    check_writable(output)
    expanded = expand_signal(source, to_bits, kept, method, seed)
    write_image(output, expanded.samples, to_bits, expanded.meaning)
    print(
        f"{output}: {to_bits} bits from the {kept} most significant ones of {source.name}, "
        f"by {method}"
    )
    return DONE


def compress_command(
    pictures: list[Path], output: Path, prior: str, level: int, max_pixels: int
) -> int:
    """Code pictures together, without loss, into one container; a small network prices the bits."""
    from lossless_inr_lite.codec.files import compress_files

    print(compress_files(pictures, output, prior, level, max_pixels))
    return DONE


def decompress_command(container: Path, output: Path, max_pixels: int) -> int:
    """Restore the pictures of a container under their file names; all of them, or none."""
    from lossless_inr_lite.codec.files import decompress_file

    print(decompress_file(container, output, max_pixels))
    return DONE
