"""Notebook parameters: one vocabulary for all chapters, checked before any work starts.

papermill accepts parameters that a notebook does not have, and values of any type. Every chapter
therefore hands its variables to `check_parameters` first.
"""

import ast
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lossless_inr_lite.companion.lists import checked_list, comma_list
from lossless_inr_lite.devices import DEVICES
from lossless_inr_lite.errors import InputError, check_choice
from lossless_inr_lite.networks.registry import NETWORKS
from lossless_inr_lite.training.recipes import RECIPES

__all__ = ["PROFILES", "Vocabulary", "check_parameters", "comma_list", "parameter_comments"]

PROFILES = ("smoke", "lite", "cpu", "paper")
NOT_PARAMETERS = {"In", "Out"}  # what IPython itself keeps among the variables
INJECTED = "# Parameters"  # how papermill begins the cell that it adds

Names = str | list[Any]
"""Text with commas, or a YAML list; see `comma_list`."""


class Vocabulary(BaseModel):
    """Every parameter that a chapter may have, with its range.

    A chapter declares the ones that it uses, and says in a comment what they mean there.
    """

    model_config = ConfigDict(strict=True, validate_assignment=True)

    profile: Literal["smoke", "lite", "cpu", "paper"]
    signal: str
    signals: Names
    deep_signals: Names
    paper_signals: Names
    deep_signal: str
    fake_bits: Annotated[int, Field(ge=1, le=15)]
    size: Annotated[int, Field(ge=4, le=8192)]
    deep_size: Annotated[int, Field(ge=4, le=8192)]
    network: str
    hidden_features: Annotated[int, Field(ge=0, le=65536)]
    hidden_layers: Annotated[int, Field(ge=1, le=64)]
    recipe: str
    seed: Annotated[int, Field(ge=0)]
    seeds: Annotated[int, Field(ge=1, le=100)]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    sweep_samples: Annotated[int, Field(ge=0)]
    workers: Annotated[int, Field(ge=1, le=256)]
    max_iterations: Annotated[int, Field(ge=1)]
    max_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    device: str
    start: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    coordinate_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    float_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    transcript: str
    hires_signals: Names
    whole_methods: Names
    effort: Annotated[float, Field(gt=0, le=10)]
    ablation_size: Annotated[int, Field(ge=4, le=1024)]
    tile_size: Annotated[int, Field(ge=32, le=4096)]
    paper_size: Annotated[int, Field(ge=4, le=256)]
    movie_frames: Annotated[int, Field(ge=0, le=500)]
    max_centres: Annotated[int, Field(ge=2, le=2**17)]
    densities: str
    small_signals: Names
    small_iterations: Annotated[int, Field(ge=1)]
    large_signal: str
    precision_size: Annotated[int, Field(ge=4, le=1024)]
    precision_iterations: Annotated[int, Field(ge=1)]
    precision_bits: Names
    points: Annotated[int, Field(ge=16, le=2**20)]
    sets: str
    training: Annotated[int, Field(ge=1, le=60_000)]
    coded: Annotated[int, Field(ge=1, le=60_000)]
    iterations: Annotated[int, Field(ge=5)]
    priors: Names
    output_dir: str


# The values of these parameters are names that the library knows.
CHOICES = {"network": list(NETWORKS), "recipe": list(RECIPES), "device": DEVICES}


def check_parameters(variables: Mapping[str, Any]) -> SimpleNamespace:
    """The parameters among a notebook's variables, checked.

    `variables` is the notebook's `globals()`. Declared are the names with a type in the parameters
    cell, given are those of the cell that papermill adds. Both are read from the cells that have
    run, which IPython keeps in `In`: whatever else a start-up file of IPython defines is no
    parameter. Without `In` (a notebook that runs as a script) they are told by the variables.

    Raises InputError that names the parameter and what is allowed, for an unknown name (papermill
    injects it as a plain variable) and for a bad value.
    """
    declared, given = _names(variables)
    for name in given:
        if name not in declared:
            raise InputError(
                f"unknown parameter {name!r}: this notebook has {', '.join(sorted(declared))}"
            )
    return SimpleNamespace(**{name: _checked(name, variables[name]) for name in declared})


def _names(variables: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The declared names and the given ones."""
    cells = variables.get("In")
    if isinstance(cells, list):
        declaring = [names for cell in cells if (names := _declared(cell))]
        injected = [cell for cell in cells if cell.startswith(INJECTED)]
        if declaring:
            return declaring[-1], _assigned(injected[-1]) if injected else []
    declared = list(variables.get("__annotations__", {}))
    given = [name for name, value in variables.items() if _may_be_parameter(name, value)]
    return declared, sorted(given)


def parameter_comments(variables: Mapping[str, Any]) -> dict[str, str]:
    """What the parameters cell says of each parameter, behind "#" in its line.

    `variables` is the notebook's `globals()`; without the cells that have run it is empty.
    """
    cells = variables.get("In")
    if not isinstance(cells, list):
        return {}
    declaring = [cell for cell in cells if _declared(cell)]
    if not declaring:
        return {}
    found = {}
    for line in declaring[-1].splitlines():
        code, _, comment = line.partition("  # ")
        found[code.partition(":")[0].strip()] = comment.strip()
    return found


def _declared(cell: str) -> list[str]:
    """The names of a parameters cell: one of nothing but "name: type = value".

    At least one is in the vocabulary: others may be of a reader's own cell.
    """
    statements = _statements(cell)
    names = []
    for statement in statements:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            names.append(statement.target.id)
    is_whole = len(names) == len(statements)
    return names if is_whole and any(name in Vocabulary.model_fields for name in names) else []


def _assigned(cell: str) -> list[str]:
    """The names of statements "name = value"."""
    names = []
    for statement in _statements(cell):
        if isinstance(statement, ast.Assign):
            names += [target.id for target in statement.targets if isinstance(target, ast.Name)]
    return names


def _statements(cell: str) -> list[ast.stmt]:
    """The statements of a cell; none when it is not plain Python."""
    try:
        return ast.parse(cell).body
    except (SyntaxError, ValueError):
        return []


def _may_be_parameter(name: str, value: object) -> bool:
    """Whether papermill may have put this variable there: its values come from YAML."""
    hidden = name.startswith("_") or name in NOT_PARAMETERS
    return not hidden and isinstance(value, (str, int, float, list, dict, type(None)))


def _checked(name: str, value: object) -> Any:
    """The value, if it is in the parameter's range; else InputError."""
    if name not in Vocabulary.model_fields:
        raise InputError(
            f"parameter {name!r} is not in the vocabulary of "
            "lossless_inr_lite.companion.parameters: add it there"
        )
    try:
        setattr(Vocabulary.model_construct(), name, value)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Input ")
        raise InputError(f"parameter {name} is {value!r}: it {message}") from error
    if isinstance(value, list):
        try:
            checked_list(value)
        except InputError as error:
            raise InputError(f"parameter {name} is {value!r}: {error}") from error
    if name in CHOICES:
        return check_choice(f"value of parameter {name}", str(value), CHOICES[name])
    return value
