"""The command line: ``python -m lossless_inr_lite fit|decode|verify|info|expand|compress|decompress``.

Exit codes: 0 done (and, for fit, certified lossless), 1 verify found a difference, 2 bad input, 3 the budget
ended before the fit was lossless (the best weights are kept).
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.codec.files import compress_files, decompress_file
from lossless_inr_lite.devices import DEVICES
from lossless_inr_lite.errors import DivergedError, InputError
from lossless_inr_lite.expansion.methods import (
    DEFAULT_METHOD,
    METHODS,
    check_expansion,
    expand_signal,
)
from lossless_inr_lite.files import check_writable
from lossless_inr_lite.formulations import FORMULATIONS
from lossless_inr_lite.losses import LOSSES
from lossless_inr_lite.model import build_shape
from lossless_inr_lite.networks.registry import NETWORKS
from lossless_inr_lite.signals.audio_files import check_audio_output, write_audio
from lossless_inr_lite.signals.genuineness import genuineness
from lossless_inr_lite.signals.image_files import check_image_output, write_image
from lossless_inr_lite.signals.signal import MAX_SAMPLES, Signal, load_image, load_signal
from lossless_inr_lite.storage.certify import certify, check_output, read_certificate, save
from lossless_inr_lite.storage.saved import SUFFIXES, read_model
from lossless_inr_lite.storage.trits import check_packable
from lossless_inr_lite.training.fit import Fit, fit
from lossless_inr_lite.training.long_sound import fit_long, forget_parts, is_long
from lossless_inr_lite.training.recipes import RECIPES, get_recipe
from lossless_inr_lite.version import __version__

DONE, DIFFERENT, BAD_INPUT, BUDGET_ENDED = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors of the user become one sentence on standard error."""
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    try:
        return command(**options)
    except (InputError, MemoryError) as error:
        print(f"error: {str(error) or 'out of memory'}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted: what was saved is kept", file=sys.stderr)
        return BUDGET_ENDED


def fit_command(
    signal: str, output: Path, size: int | None, num_bits: int | None, max_pixels: int, **plan: Any
) -> int:
    """Fit a picture or a sound, save the network in any case, and certify the saved file."""
    check_output(output)
    source = load_signal(signal, size, num_bits, max_pixels)
    if output.suffix == ".trits":
        _check_trits(source, plan)
    try:
        result = _fitted(source, Path(f"{output}.parts"), plan)
    except DivergedError as error:
        kept = ""
        if isinstance(error.best, Fit):
            save(error.best, output)
            kept = f"; the best weights so far ({error.best.entry.wrong_bits} wrong bits) are in {output}"
        print(f"error: {error}{kept}", file=sys.stderr)
        return BUDGET_ENDED
    save(result, output)
    result.certificate = certify(output, source, max(5.0, result.history.entries[-1].seconds))
    save(result, output)
    if result.lossless:
        forget_parts(f"{output}.parts")
    print(_summary(result, output))
    return DONE if result.lossless else BUDGET_ENDED


def _check_trits(source: Signal, plan: dict[str, Any]) -> None:
    """Raise InputError, before any work, when what will be fitted could not be saved as .trits."""
    choice = Architecture(**{name: plan.get(name) for name in vars(Architecture())})
    architecture = get_recipe(plan["recipe"]).complete(choice, source.spec)
    check_packable(architecture, source.spec)
    build_shape(architecture, source.spec)


def _fitted(source: Signal, parts: Path, plan: dict[str, Any]) -> Fit:
    """Long sound goes part by part, and a command that was stopped goes on from what lies in `parts`."""
    bounded = plan["max_iterations"] is not None or plan["chunk_samples"] is not None
    choice = Architecture(**{name: plan.get(name) for name in vars(Architecture())})
    if plan["recipe"] != "fast" or bounded or not is_long(source, choice):
        return fit(source, certify=False, **plan)
    kept = {
        name: value
        for name, value in plan.items()
        if name not in ("recipe", "max_iterations", "chunk_samples")
    }
    try:
        return fit_long(source, parts, **kept)
    except KeyboardInterrupt:
        print(
            f"finished parts are kept in {parts}: the same command goes on from them",
            file=sys.stderr,
        )
        raise


def decode_command(network: Path, output: Path) -> int:
    """Write the signal that a saved network stands for."""
    model, header = read_model(network)
    spec = model.spec
    check_writable(output)
    if spec.sample_rate is not None and spec.subtype is not None:
        check_audio_output(output, spec.subtype)
        signal = model.signal()
        write_audio(output, signal.samples, spec.num_bits, spec.sample_rate, spec.subtype)
    else:
        check_image_output(output, spec.channels, spec.num_bits, signed=spec.kind == "signed")
        signal = model.signal()
        write_image(output, signal.samples, spec.num_bits)
    exact = signal.sha256 == header.sha256_samples
    print(
        f"{output}: {'the same samples as' if exact else 'NOT the same samples as'} {signal.name} that was fitted"
    )
    return DONE


def verify_command(network: Path, signal: str, size: int | None, max_pixels: int) -> int:
    """Compare a saved network with the signal itself: every sample, and the shape, depth, rate and subtype."""
    model, _ = read_model(network)
    source = load_signal(signal, size, max_pixels=max_pixels)
    ours, theirs = model.spec.facts, source.spec.facts
    for what in ours:
        if ours[what] != theirs[what]:
            hint = (
                f" (was it fitted with --size {ours['shape'][0]}?)"
                if what == "shape" and size is None
                else ""
            )
            print(
                f"different: {what} is {ours[what]} in {network.name} and {theirs[what]} in {source.name}{hint}"
            )
            return DIFFERENT
    differ = np.argwhere(model.decode()[0] != source.words)
    if len(differ):
        first = tuple(int(i) for i in differ[0])
        print(f"different: {len(differ)} of {source.samples.size} samples, the first at {first}")
        return DIFFERENT
    print(f"identical: all {source.samples.size} samples of {source.num_bits} bits")
    return DONE


def info_command(file: Path, max_pixels: int) -> int:
    """Print one JSON object: a saved network's header and verdict, or a signal's facts and genuineness."""
    if file.suffix in SUFFIXES:
        _, header = read_model(file)
        certificate = read_certificate(file, header.sha256_weights)
        facts = header.facts() | {"lossless": certificate is not None and certificate.lossless}
        if certificate is not None:
            facts["smallest_margin"] = certificate.smallest_margin
    else:
        signal = load_signal(file, max_pixels=max_pixels)
        report = genuineness(signal).as_dict()
        facts = {
            "name": signal.name,
            **signal.spec.facts,
            "sha256_samples": signal.sha256,
            "genuineness": report,
        }
    print(json.dumps(facts, indent=2))
    return DONE


def expand_command(
    picture: str,
    output: Path,
    from_bits: int | None,
    to_bits: int,
    method: str,
    seed: int,
    max_pixels: int,
) -> int:
    """Guess the low bits that a picture lacks, and write it with N bits; its own bits stay as they are."""
    source = load_image(picture, max_pixels=max_pixels)
    kept = check_expansion(source, to_bits, from_bits, method)
    check_image_output(output, source.spec.channels, to_bits, signed=source.kind == "signed")
    check_writable(output)
    write_image(output, expand_signal(source, to_bits, kept, method, seed).samples, to_bits)
    print(
        f"{output}: {to_bits} bits from the {kept} most significant ones of {source.name}, by {method}"
    )
    return DONE


def compress_command(
    pictures: list[Path], output: Path, prior: str, level: int, max_pixels: int
) -> int:
    """Code pictures together, without loss, into one container; the bits are priced by a small network."""
    print(compress_files(pictures, output, prior, level, max_pixels))
    return DONE


def decompress_command(container: Path, output: Path, max_pixels: int) -> int:
    """Restore the pictures of a container under their file names; all of them or, with an error, none."""
    print(decompress_file(container, output, max_pixels))
    return DONE


def _summary(result: Fit, output: Path) -> str:
    last, bits, wrong = (
        result.history.entries[-1],
        result.model.spec.total_bits,
        result.entry.wrong_bits,
    )
    verdict = (
        "certified lossless"
        if result.lossless
        else f"NOT lossless ({result.stopped}), {wrong} wrong bits"
    )
    return (
        f"{output}: {verdict}; {bits} bits, {result.num_parameters} parameters, {last.iteration} iterations, "
        f"{last.samples_seen} samples seen, {last.seconds:.1f} s"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lossless_inr_lite", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(
        required=True, metavar="fit|decode|verify|info|expand|compress|decompress"
    )
    limit = argparse.ArgumentParser(add_help=False)
    limit.add_argument(
        "--max-pixels", type=int, default=MAX_SAMPLES, help="largest picture that is read (2^26)"
    )
    sized = argparse.ArgumentParser(add_help=False)
    sized.add_argument(
        "--size", type=int, help="crop to the centre square and area-resample to SIZE x SIZE"
    )

    command = commands.add_parser("fit", parents=[limit, sized], help=fit_command.__doc__)
    command.set_defaults(command=fit_command)
    command.add_argument("signal", help="picture, sound, or the name of an embedded picture")
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT.safetensors|OUT.trits"
    )
    command.add_argument("--num-bits", type=int, help="the depth that the file must have")
    command.add_argument(
        "--recipe", default="fast", metavar="|".join(RECIPES), help="fast unless told otherwise"
    )
    command.add_argument(
        "--formulation",
        metavar="|".join(FORMULATIONS),
        help="this and the next: the recipe's choice",
    )
    command.add_argument("--network", metavar="|".join(NETWORKS))
    command.add_argument("--hidden-features", type=int)
    command.add_argument("--hidden-layers", type=int)
    command.add_argument(
        "--tile", type=int, help="smallest side of a tile; every tile has a network of its own"
    )
    command.add_argument("--loss", metavar="|".join(LOSSES))
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--max-iterations", type=int)
    command.add_argument("--max-seconds", type=float)
    command.add_argument(
        "--chunk-samples", type=int, help="samples a partial gradient; bounds memory"
    )
    command.add_argument("--device", default="auto", metavar="|".join(DEVICES))

    command = commands.add_parser("decode", help=decode_command.__doc__)
    command.set_defaults(command=decode_command)
    command.add_argument("network", type=Path, metavar="IN.safetensors|IN.trits")
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT.png|tif|pgm|ppm|wav|flac"
    )

    command = commands.add_parser("verify", parents=[limit, sized], help=verify_command.__doc__)
    command.set_defaults(command=verify_command)
    command.add_argument("network", type=Path, metavar="IN.safetensors|IN.trits")
    command.add_argument("signal", help="the picture or sound that was fitted")

    command = commands.add_parser("info", parents=[limit], help=info_command.__doc__)
    command.set_defaults(command=info_command)
    command.add_argument("file", type=Path, help="a saved network, a picture or a sound")

    _add_picture_commands(commands, limit)
    return parser


def _add_picture_commands(commands: Any, limit: argparse.ArgumentParser) -> None:
    """What is done with pictures and leaves no network: expand, compress, decompress."""
    command = commands.add_parser("expand", parents=[limit], help=expand_command.__doc__)
    command.set_defaults(command=expand_command)
    command.add_argument("picture", help="picture, or the name of an embedded one")
    command.add_argument(
        "--from", type=int, dest="from_bits", metavar="K", help="only the K most significant bits"
    )
    command.add_argument(
        "--to", type=int, dest="to_bits", required=True, metavar="N", help="bits of the result"
    )
    command.add_argument(
        "--method", default=DEFAULT_METHOD, metavar="|".join(METHODS), help=DEFAULT_METHOD
    )
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.png|tif|pgm|ppm")

    command = commands.add_parser("compress", parents=[limit], help=compress_command.__doc__)
    command.set_defaults(command=compress_command)
    command.add_argument("pictures", type=Path, nargs="+", metavar="IMAGE")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.lic")
    command.add_argument(
        "--prior",
        default="auto",
        help="a shipped network; auto: the one that makes the file smallest",
    )

    command.add_argument(
        "--level",
        type=int,
        default=1,
        metavar="0|1|2",
        help="0: own network; 2: prior adapted if it pays",
    )

    command = commands.add_parser("decompress", parents=[limit], help=decompress_command.__doc__)
    command.set_defaults(command=decompress_command)
    command.add_argument("container", type=Path, metavar="IN.lic")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")


if __name__ == "__main__":
    sys.exit(main())
