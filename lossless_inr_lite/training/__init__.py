"""Training: what a fit may cost, the recipes by which it is done, and `fit` itself.

- `fit`: from a signal to a certified fit; `budget`: what it may cost;
- `recipes`: the ways of training by name, and what each chooses by itself;
- `fast`: many small networks at once, on the machinery of `tile_batch`, `best_tiles` and `parts`;
- `full_batch`: the paper's way; `freezing`: coarse weights that stop one after another;
- `quantisation`: coarse weights for networks that were trained with floats;
- `run`: the state that every way of training shares; `memory`: how much of it a fit needs.

To import this package itself takes no torch.
"""

RECIPE_NAMES = ("fast", "paper", "ternary")
"""The names of `recipes.RECIPES`, in its order."""
