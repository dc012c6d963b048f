"""What the commands do; `__main__` parses them and turns errors into one sentence.

Each command imports what it needs when it runs: torch takes longer than most of them.
"""

import json
import os
import sys
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.errors import (
    DivergedError,
    FileFormatError,
    InputError,
    OutputError,
    counted,
)
from lossless_inr_lite.files import (
    as_file,
    check_not_input,
    check_replaceable,
    check_writable,
    read_bytes,
    reason_of,
)
from lossless_inr_lite.signals import Signal, SignalSpec, load_image, load_signal, untold
from lossless_inr_lite.signals.embedded import embedded_path

if TYPE_CHECKING:
    from lossless_inr_lite.storage.fitted import Fit

# Exit codes.
DONE = 0
DIFFERENT = 1
BAD_INPUT = 2
BUDGET_ENDED = 3
# Controls and ends of lines, which would break a line or steer a terminal.
UNPRINTED = ("Cc", "Zl", "Zp")


# Lines on the terminal ---------------------------------------------------------------------------


def say(text: str) -> None:
    """Print one line of the result. Raises OutputError when standard output takes none."""
    try:
        _print_line(text, sys.stdout)
    except OSError as error:
        raise OutputError(f"cannot write to standard output: {reason_of(error)}") from error


def warn(text: str) -> None:
    """Print one line for the user on standard error, where that is possible."""
    with suppress(OSError):
        _print_line(text, sys.stderr)


def _print_line(text: str, stream: TextIO | None) -> None:
    """Print a text as one line, with escapes for what cannot be shown.

    Names of files may hold ends of lines, and characters that the terminal's encoding lacks.
    """
    if stream is None:  # closed by the caller
        return
    shown = "".join(_escaped(c) if unicodedata.category(c) in UNPRINTED else c for c in text)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        print(shown.encode(encoding, "backslashreplace").decode(encoding), file=stream)
    finally:
        _flush(stream)


def _flush(stream: TextIO | None) -> None:
    """Flush a stream; when that fails, what is left in it goes nowhere, and OSError is raised.

    Python would try it again at its end, fail again, and change the exit code.
    """
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
        raise


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _tell_not_kept(what: Path | str, phrases: Sequence[str]) -> None:
    """Say in one line what stood in a file and is not kept."""
    if phrases:
        warn(f"{what}: not kept: {', '.join(phrases)}")


# The commands ------------------------------------------------------------------------------------


def fit_command(
    signal: str,
    output: Path,
    recipe: str,
    size: int | None,
    num_bits: int | None,
    max_pixels: int,
    page: int | None,
    resample: str,
    force: bool,
    max_iterations: int | None,
    max_seconds: float | None,
    **options: Any,
) -> int:
    """Fit a picture or a sound, save the network in any case, and certify the saved file."""
    started = time.perf_counter()
    from lossless_inr_lite.storage.certify import check_output
    from lossless_inr_lite.storage.fitted import Fit
    from lossless_inr_lite.training.budget import Budget
    from lossless_inr_lite.training.fit import fit, warm_up

    budget = Budget(max_iterations, max_seconds)
    check_output(output, [embedded_path(signal)], force)
    source = _load(signal, size, num_bits, max_pixels, page, resample)
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
            _save(error.best, output, force)
            wrong = error.best.entry.wrong_bits
            kept = f"; the best weights so far ({wrong} wrong bits) are in {output}"
        warn(f"error: {error}{kept}")
        return BUDGET_ENDED
    _save(result, output, force)
    _certify(result, output, source, parts)
    if parts.is_dir() and any(parts.iterdir()):
        warn(f"finished tiles are kept in {parts}: the same command goes on")
    say(_summary(result, output))
    _tell_not_kept(signal, source.not_kept)
    return DONE if result.lossless else BUDGET_ENDED


def _load(
    signal: str | Path,
    size: int | None = None,
    num_bits: int | None = None,
    max_pixels: int | None = None,
    page: int | None = None,
    resample: str = "area",
) -> Signal:
    """The picture or sound of a file, an embedded name or a pipe; see `load_signal`."""
    path = embedded_path(signal)
    limit = {} if max_pixels is None else {"max_pixels": max_pixels}
    with as_file(path) as file:
        source = signal if file == path else file
        return load_signal(source, size, num_bits, page=page, resample=resample, **limit)


def _save(fit: "Fit", output: Path, force: bool) -> None:
    """Save a fit, or save it elsewhere and raise an OutputError that names the place."""
    from lossless_inr_lite.storage.certify import save, save_elsewhere

    try:
        save(fit, output, force)
    except (InputError, OSError) as error:
        kept = save_elsewhere(fit, output.name)
        where = "no other folder takes it either, it is lost"
        if kept is not None:
            where = f"it is kept in {kept}, {fit.entry.wrong_bits} wrong bits, not certified"
        raise OutputError(f"the fit has ended, and {reason_of(error)}: {where}") from error


def _certify(fit: "Fit", output: Path, source: Signal, parts: Path) -> None:
    """Certify a saved fit; raise an OutputError that says so when only that fails.

    What was kept in `parts` is not needed any more when the fit is lossless.
    """
    from lossless_inr_lite.storage.certify import certify_fit, write_certificate
    from lossless_inr_lite.training.parts import forget_parts

    try:
        fit.certificate = certify_fit(fit, output, source)
        if fit.lossless:
            forget_parts(parts)  # first, since it makes room
        write_certificate(fit.certificate, output)
    except (InputError, OSError) as error:
        wrong_bits = counted(fit.entry.wrong_bits, "wrong bit")
        raise OutputError(
            f"the fit is saved in {output}, {wrong_bits}, without a certificate: {reason_of(error)}"
        ) from error


def _summary(result: "Fit", output: Path) -> str:
    last = result.history.last
    wrong_bits = result.entry.wrong_bits
    if result.lossless:
        verdict = "certified lossless"
    else:
        verdict = f"NOT lossless ({result.stopped}), {counted(wrong_bits, 'wrong bit')}"
    return (
        f"{output}: {verdict}; {counted(result.model.spec.total_bits, 'bit')}, "
        f"{counted(result.num_parameters, 'parameter')}, "
        f"{counted(last.iteration, 'iteration')}, "
        f"{counted(last.samples_seen, 'sample')} seen, {last.seconds:.1f} s"
    )


def decode_command(network: Path, output: Path, force: bool) -> int:
    """Write the signal that a saved network stands for."""
    from lossless_inr_lite.signals.audio_files import check_audio_output
    from lossless_inr_lite.signals.image_files import check_image_output
    from lossless_inr_lite.storage.saved import read_model

    check_writable(output)
    check_not_input(output, [network])
    model, header = read_model(network)
    spec = model.spec
    if spec.sample_rate is not None:
        left_out = check_audio_output(output, spec)
    else:
        left_out = check_image_output(output, spec)
    _check_is_replaced(output, lambda there: _same_facts(spec, there), force)
    signal = model.signal()
    _check_is_replaced(output, lambda there: there.sha256 == signal.sha256, force)
    _write(output, signal)
    exact = signal.sha256 == header.sha256_samples
    verdict = "the same samples as" if exact else "NOT the same samples as"
    say(f"{output}: {verdict} {signal.name} that was fitted")
    _tell_not_kept(output, left_out)
    return DONE


def _write(output: Path, signal: Signal) -> None:
    from lossless_inr_lite.signals.audio_files import write_audio
    from lossless_inr_lite.signals.image_files import write_image

    rate = signal.sample_rate
    if rate is not None and signal.subtype is not None:
        samples = signal.samples
        write_audio(output, samples, signal.num_bits, rate, signal.subtype, signal.meaning)
    else:
        write_image(output, signal.samples, signal.num_bits, signal.meaning)


def _check_is_replaced(output: Path, is_same: Callable[[Signal], bool], force: bool) -> None:
    """Raise InputError when the picture or sound at `output` is not the one to be written.

    Nor is it when its file says more than its samples and their meaning, which would be lost.
    """

    def holds_the_same(path: Path) -> bool:
        try:
            there = _load(path)
        except InputError:
            return False
        return not there.not_kept and is_same(there)

    check_replaceable(output, holds_the_same, "a file of the very signal to be written", force)


def _same_facts(spec: SignalSpec, there: Signal) -> bool:
    ours, theirs, _ = _facts_to_compare(spec, there)
    return ours == theirs


def _facts_to_compare(
    spec: SignalSpec, source: Signal
) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
    """The facts of a spec, those of a signal from a file, and what that file could not say.

    What the file's format cannot say is no difference: a file that `decode` wrote lacks it.
    """
    unsaid = untold(spec.meaning, source)
    said = {name: value for name, value in spec.meaning.facts.items() if name not in unsaid}
    ours: dict[str, Any] = spec.facts | {"meaning": said}
    theirs: dict[str, Any] = {"meaning": {}} | source.spec.facts
    return ours, theirs, unsaid


def verify_command(
    network: Path,
    signal: str,
    size: int | None,
    max_pixels: int,
    page: int | None,
    resample: str,
) -> int:
    """Compare a saved network with the signal: every sample, the shape, depth, rate and subtype."""
    from lossless_inr_lite.storage.saved import read_model

    model, _ = read_model(network)
    source = _load(signal, size, max_pixels=max_pixels, page=page, resample=resample)
    ours, theirs, unsaid = _facts_to_compare(model.spec, source)
    for what in ours:
        if ours[what] != theirs[what]:
            hint = ""
            if what == "shape" and size is None:
                hint = f" (was it fitted with --size {ours['shape'][0]}?)"
            say(
                f"different: {what} is {ours[what]} in {network.name} "
                f"and {theirs[what]} in {source.name}{hint}"
            )
            return DIFFERENT
    samples = counted(source.samples.size, "sample")
    words, _ = model.decode()
    differ = np.argwhere(words != source.words)
    if len(differ):
        first = tuple(int(i) for i in differ[0])
        say(f"different: {len(differ)} of {samples}, the first at {first}")

        return DIFFERENT
    say(f"identical: all {samples} of {counted(source.num_bits, 'bit')}")
    if unsaid:
        warn(f"{source.read_from} files cannot hold {', '.join(unsaid.values())}")
    return DONE


def info_command(file: Path, max_pixels: int, page: int | None) -> int:
    """Print one JSON object: the facts of a picture, a sound, or any file that is written here."""
    path = embedded_path(file)
    with as_file(path) as readable:
        facts = _facts(file if readable == path else readable, max_pixels, page)
    say_json(facts)
    return DONE


def say_json(facts: Mapping[str, Any]) -> None:
    """Print one JSON object, of several lines and of ASCII."""
    for line in json.dumps(facts, indent=2).splitlines():
        say(line)


def _facts(file: Path, max_pixels: int, page: int | None) -> Mapping[str, Any]:
    """What a file says of itself. Its content tells its kind, and its suffix what was expected."""
    from lossless_inr_lite.codec.container import ENVELOPE
    from lossless_inr_lite.storage.saved import SUFFIXES, is_safetensors, is_trits

    path = embedded_path(file)
    data = read_bytes(path)
    if is_trits(data) or is_safetensors(data):
        return _network_facts(path, data)
    if data.startswith(ENVELOPE.magic):
        return _container_facts(path, data)
    if data.lstrip()[:1] == b"{":
        return _certificate_facts(path)
    try:
        return _signal_facts(file, max_pixels, page)
    except InputError:
        # Its content is nothing that is known: the suffix says what it should have been.
        if path.suffix in SUFFIXES:
            return _network_facts(path, data)
        if path.suffix == ".lic":
            return _container_facts(path, data)
        raise


def _container_facts(path: Path, data: bytes) -> Mapping[str, Any]:
    from lossless_inr_lite.codec.files import container_facts

    return container_facts(path.name, data)


def _certificate_facts(path: Path) -> Mapping[str, Any]:
    from lossless_inr_lite.storage.certificate import parse_certificate

    certificate = parse_certificate(path)
    if certificate is None:
        raise FileFormatError(f"{path.name} is a text, and no certificate of a network")
    return {"name": path.name, "kind": "certificate of a network", **vars(certificate)}


def _part_facts(path: Path, data: bytes) -> Mapping[str, Any]:
    """What a file says from which an unfinished fit goes on."""
    from lossless_inr_lite.training.parts import read_description

    try:
        described = read_description(data)
        fit = described["fit"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileFormatError(f"{path.name} is damaged: its description cannot be read") from error
    return {"name": path.name, "kind": "part of an unfinished fit", "fit": fit}


def _network_facts(path: Path, data: bytes) -> Mapping[str, Any]:
    from lossless_inr_lite.storage.certificate import read_certificate
    from lossless_inr_lite.storage.saved import is_part, model_from_bytes

    if is_part(data):
        return _part_facts(path, data)
    _, header = model_from_bytes(path.name, data)
    certificate = read_certificate(path, header.sha256_weights)
    facts = header.facts()
    facts["lossless"] = None if certificate is None else certificate.lossless
    if certificate is not None:
        facts["smallest_margin"] = certificate.smallest_margin
    return facts


def _signal_facts(file: Path, max_pixels: int, page: int | None) -> Mapping[str, Any]:
    from lossless_inr_lite.signals.genuineness import genuineness

    signal = _load(file, max_pixels=max_pixels, page=page)
    return {
        "name": signal.name,
        "read_from": signal.read_from,
        **signal.spec.facts,
        "meaning": signal.meaning.facts,
        "not_kept": list(signal.not_kept),
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
    page: int | None,
    force: bool,
) -> int:
    """Guess the low bits that a picture lacks, and write it with N bits; its own bits stay."""
    from lossless_inr_lite.expansion import check_expansion, expand_signal
    from lossless_inr_lite.signals.image_files import check_image_output, write_image

    check_writable(output)
    check_not_input(output, [embedded_path(picture)])
    source = load_image(picture, max_pixels=max_pixels, page=page)
    kept = check_expansion(source, to_bits, from_bits, method)
    left_out = check_image_output(output, replace(source.spec, num_bits=to_bits))
    _check_is_replaced(output, lambda there: _has_top_bits(there, source, kept, to_bits), force)
    expanded = expand_signal(source, to_bits, kept, method, seed)
    _check_is_replaced(output, lambda there: there.sha256 == expanded.sha256, force)
    write_image(output, expanded.samples, to_bits, expanded.meaning)
    say(
        f"{output}: {to_bits} bits from the {kept} most significant ones of {source.name}, "
        f"by {method}"
    )
    _tell_not_kept(output, source.not_kept + left_out)
    return DONE


def _has_top_bits(there: Signal, source: Signal, kept: int, to_bits: int) -> bool:
    """Whether a picture could be `source` with `to_bits` bits, of which `kept` are its own."""
    if there.samples.shape != source.samples.shape or there.num_bits != to_bits:
        return False
    ours = source.words >> (source.num_bits - kept)
    return np.array_equal(there.words >> (to_bits - kept), ours)


def compress_command(
    pictures: list[Path],
    output: Path,
    prior: str,
    level: int,
    max_pixels: int,
    page: int | None,
    force: bool,
) -> int:
    """Code pictures together, without loss, into one container; a small network prices the bits."""
    from lossless_inr_lite.codec.files import compress_files

    report = compress_files(pictures, output, prior, level, max_pixels, page, force)
    say(report.line)
    for name, phrases in report.not_kept:
        _tell_not_kept(name, phrases)
    return DONE


def decompress_command(container: Path, output: Path, max_pixels: int) -> int:
    """Restore the pictures of a container under their file names; all of them, or none."""
    from lossless_inr_lite.codec.files import decompress_file

    report = decompress_file(container, output, max_pixels)
    say(report.line)
    for name, phrases in report.not_kept:
        _tell_not_kept(name, phrases)
    return DONE
