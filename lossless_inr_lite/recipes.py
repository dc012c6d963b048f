"""Recipes: optimiser, rate, batch, budget and stopping. The loss is an argument of its own."""

from dataclasses import dataclass

from lossless_inr_lite.errors import check_choice
from lossless_inr_lite.formulations import Formulation


@dataclass(frozen=True)
class Recipe:
    """How weights are moved. `bit_loss` is the recipe's choice where a formulation would use "bce"."""

    name: str
    learning_rate: float
    bit_loss: str
    max_iterations: int

    def loss_name(self, formulation: Formulation) -> str:
        return self.bit_loss if formulation.default_loss == "bce" else formulation.default_loss


# The paper's protocol: Adam at 1e-4 without schedule, the whole signal in every step, sigmoid then BCE, until
# BER is 0. Its gradient is summed over chunks, which changes nothing but the memory it needs. The paper names
# no limit for its own method; ours only ends fits that would never arrive.
PAPER = Recipe("paper", learning_rate=1e-4, bit_loss="sigmoid_bce", max_iterations=20_000)

RECIPES = {recipe.name: recipe for recipe in (PAPER,)}


def get_recipe(name: str) -> Recipe:
    """The recipe of that name; raises InputError that lists the known ones."""
    return RECIPES[check_choice("recipe", name, list(RECIPES))]
