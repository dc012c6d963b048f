"""The command line: ``python -m lossless_inr_lite fit|decode|verify|info|expand|compress|...``

Exit codes: 0 done (and, for fit, certified lossless), 1 verify found a difference, 2 bad input or
any other error, 3 the budget ended before the fit was lossless (the best weights are kept).
"""

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lossless_inr_lite.architecture import LOSS_NAMES
from lossless_inr_lite.commands import (
    BAD_INPUT,
    BUDGET_ENDED,
    compress_command,
    decode_command,
    decompress_command,
    expand_command,
    fit_command,
    info_command,
    say,
    verify_command,
    warn,
)
from lossless_inr_lite.devices import DEVICES
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.expansion import DEFAULT_METHOD, METHODS
from lossless_inr_lite.files import reason_of
from lossless_inr_lite.formulations import FORMULATIONS
from lossless_inr_lite.networks import NETWORK_NAMES
from lossless_inr_lite.signals import MAX_SAMPLES
from lossless_inr_lite.signals.resampling import RESAMPLERS
from lossless_inr_lite.training import RECIPE_NAMES
from lossless_inr_lite.version import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    An error becomes one sentence on standard error, whatever it is: a traceback would end with the
    exit code that says that `verify` found a difference. `python -X dev` shows tracebacks.
    """
    options: dict[str, Any] = {}
    try:
        options = vars(_parser().parse_args(arguments))
        command = options.pop("command")
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            return command(**options)
    except KeyboardInterrupt:
        warn("interrupted: what was saved is kept")
        return BUDGET_ENDED
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        warn(f"error: {_sentence(error)}")
        return BAD_INPUT


class _Parser(argparse.ArgumentParser):
    """A parser whose help and version end in an error where standard output takes none.

    The usual one keeps such an error to itself.
    """

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is not sys.stdout:
            super()._print_message(message, file)
            return
        for line in message.splitlines():
            say(line)


def _show_warning(message: Warning | str, *_: object) -> None:
    """In one line, and without the line of the program."""
    warn(f"warning: {message}")


def _sentence(error: Exception) -> str:
    """What the user is told of an error."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, MemoryError):
        return str(error) or "out of memory"
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.split(".")[0]
        return (
            f"this command needs the package {package}, which is not installed: "
            "pip install lossless-inr-lite brings it"
        )
    if isinstance(error, OSError):
        where = "" if error.filename is None else f"{error.filename}: "
        return f"{where}{reason_of(error)}"
    first_line = str(error).partition("\n")[0]
    return f"something unexpected happened, {type(error).__name__}: {first_line}"


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m lossless_inr_lite", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    names = "fit|decode|verify|info|expand|compress|decompress"
    commands = parser.add_subparsers(required=True, metavar=names)
    bounded = argparse.ArgumentParser(add_help=False)
    bounded.add_argument(
        "--max-pixels", type=int, default=MAX_SAMPLES, help="largest picture that is read (2^26)"
    )
    limit = argparse.ArgumentParser(add_help=False, parents=[bounded])
    limit.add_argument(
        "--page", type=int, metavar="N", help="which picture of a file with several, from 0"
    )
    forced = argparse.ArgumentParser(add_help=False)
    forced.add_argument(
        "--force", action="store_true", help="replace whatever is at the output, but no input"
    )
    sized = argparse.ArgumentParser(add_help=False)
    sized.add_argument(
        "--size", type=int, help="crop to the centre square and resample to SIZE x SIZE"
    )
    sized.add_argument(
        "--resample",
        choices=list(RESAMPLERS),
        default="area",
        help="how, with --size: means of areas, or bilinearly with antialias as the paper did",
    )
    _add_fit(commands, [limit, sized, forced])
    _add_decode(commands, [forced])
    _add_verify(commands, [limit, sized])
    _add_info(commands, [limit])
    _add_expand(commands, [limit, forced])
    _add_compress(commands, [limit, forced])
    _add_decompress(commands, [bounded])
    return parser


def _add(commands: Any, name: str, run: Any, parents: Sequence[argparse.ArgumentParser]) -> Any:
    command = commands.add_parser(name, parents=parents, help=run.__doc__)
    command.set_defaults(command=run)
    return command


def _add_fit(commands: Any, parents: Sequence[argparse.ArgumentParser]) -> None:
    command = _add(commands, "fit", fit_command, parents)
    command.add_argument("signal", help="picture, sound, or the name of an embedded picture")
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT.safetensors|OUT.trits"
    )
    command.add_argument("--num-bits", type=int, help="the depth that the file must have")
    command.add_argument(
        "--recipe",
        default="fast",
        metavar="|".join(RECIPE_NAMES),
        help="fast unless told otherwise",
    )
    command.add_argument(
        "--formulation",
        metavar="|".join(FORMULATIONS),
        help="this and the next: the recipe's choice unless told otherwise",
    )
    command.add_argument("--network", metavar="|".join(NETWORK_NAMES))
    command.add_argument("--hidden-features", type=int)
    command.add_argument("--hidden-layers", type=int)
    command.add_argument(
        "--tile", type=int, help="smallest side of a tile; every tile has a network of its own"
    )
    command.add_argument("--loss", metavar="|".join(LOSS_NAMES))
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--max-iterations", type=int)
    command.add_argument("--max-seconds", type=float)
    command.add_argument(
        "--chunk-samples", type=int, help="samples in a partial gradient; bounds memory"
    )
    command.add_argument("--device", default="auto", metavar="|".join(DEVICES))


def _add_decode(commands: Any, parents: Sequence[argparse.ArgumentParser]) -> None:
    command = _add(commands, "decode", decode_command, parents)
    command.add_argument("network", type=Path, metavar="IN.safetensors|IN.trits")
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT.png|tif|pbm|pgm|ppm|pam|wav|flac"
    )


def _add_verify(commands: Any, parents: Sequence[argparse.ArgumentParser]) -> None:
    command = _add(commands, "verify", verify_command, parents)
    command.add_argument("network", type=Path, metavar="IN.safetensors|IN.trits")
    command.add_argument("signal", help="the picture or sound that was fitted")


def _add_info(commands: Any, parents: Sequence[argparse.ArgumentParser]) -> None:
    command = _add(commands, "info", info_command, parents)
    command.add_argument(
        "file", type=Path, help="a picture, a sound, a saved network, a certificate or a container"
    )


def _add_expand(commands: Any, parents: Sequence[argparse.ArgumentParser]) -> None:
    command = _add(commands, "expand", expand_command, parents)
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
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT.png|tif|pbm|pgm|ppm|pam"
    )


def _add_compress(commands: Any, parents: Sequence[argparse.ArgumentParser]) -> None:
    command = _add(commands, "compress", compress_command, parents)
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


def _add_decompress(commands: Any, parents: Sequence[argparse.ArgumentParser]) -> None:
    command = _add(commands, "decompress", decompress_command, parents)
    command.add_argument("container", type=Path, metavar="IN.lic")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")


if __name__ == "__main__":
    sys.exit(main())
