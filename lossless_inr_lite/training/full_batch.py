"""The paper's way of training: the whole signal in every step."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer
from tqdm import tqdm

from lossless_inr_lite.model import Model
from lossless_inr_lite.training.memory import full_batch_memory
from lossless_inr_lite.training.run import Run
from lossless_inr_lite.training.state import StateFile

LOOK_EVERY_ON_GPU = 10
"""Steps between entries of the history on a GPU, where a look takes longer than a step.

The step at which all bits are right is found anyway: every step asks for it.
"""


class Hooks:
    """What a way of training does around the steps of `train_full_batch`; here nothing."""

    def before_step(self, optimiser: Optimizer, run: Run) -> None:
        """The gradient is set, and no weight has moved yet."""

    def after_step(self) -> None:
        """All weights have moved."""

    def remembered(self) -> dict[str, Tensor]:
        """Return what decides later steps, beside weights and optimiser, by name."""
        return {}

    def restore(self, remembered: Mapping[str, Tensor]) -> None:
        """Go on from what `remembered` has returned in an earlier run."""


@dataclass(frozen=True)
class FullBatch:
    """Adam at a fixed rate on the gradient of the mean loss over the whole signal.

    The gradient is summed over chunks, so that memory stays bounded.
    """

    learning_rate: float

    def train(self, run: Run, bar: "tqdm[Any]") -> str:
        """Train the network of `run`, and return why it stopped."""
        optimiser = torch.optim.Adam(run.network.parameters(), lr=self.learning_rate)
        look_every = 1 if run.device == "cpu" else LOOK_EVERY_ON_GPU
        return train_full_batch(run, bar, optimiser, Hooks(), asdict(self), look_every)

    def num_batches(self, groups: int) -> int:
        """Return 1: all networks are trained at once."""
        return 1

    def memory(self, shape: Model, chunk: int) -> int:
        """Return an estimate of the bytes that a fit takes at its peak; see `Trainer`."""
        return full_batch_memory(shape, chunk)


def train_full_batch(
    run: Run,
    bar: "tqdm[Any]",
    optimiser: Optimizer,
    hooks: Hooks,
    numbers: dict[str, Any],
    look_every: int = 1,
) -> str:
    """Update until lossless or out of budget; return why it stopped.

    numbers: what decides the steps, beside what the run says, as plain JSON values.

    The history gets an entry every `look_every` steps, and when all bits are right or the budget
    ends. A step's forward pass decides every bit before the weights move. So checking the bits
    costs nothing, and the weights that are kept are the ones that were checked.

    With a folder to go on from, the state is written there from time to time, and when the training
    ends early.
    """
    state = None
    if run.plan.resume_dir is not None:
        state = StateFile(run.plan.resume_dir, run, numbers)
        remembered = state.read(optimiser)
        if remembered is not None:
            hooks.restore(remembered)
    while True:
        if state is not None and state.is_due():
            state.write(optimiser, hooks.remembered())
        device_loss, codes = accumulated_gradient(run)
        if run.seconds_left() <= 0 and run.best is not None:
            # The gradient may lack the last samples: neither it nor their codes are used.
            if state is not None:
                state.write(optimiser, hooks.remembered())
            return "max_seconds"
        loss = device_loss.item()
        run.check_finite(loss)
        is_right = torch.equal(codes, run.codes.to(codes.dtype))
        if run.iteration % look_every == 0 or run.ended() or is_right:
            entry = run.observe(loss, codes.cpu().numpy(), run.network.state_dict)
            bar.set_postfix_str(f"BER {entry.ber:.2e}, {entry.wrong_bits} wrong bits")
            if entry.wrong_bits == 0 and confirmed(run):
                run.keep(entry, run.network.state_dict())
                return "lossless"
            why = run.ended()
            if why is not None:
                if state is not None:
                    state.write(optimiser, hooks.remembered())
                return why
        hooks.before_step(optimiser, run)
        optimiser.step()
        hooks.after_step()
        run.count(run.coordinates.shape[1], run.codes.shape[0])
        bar.update()


def accumulated_gradient(run: Run) -> tuple[Tensor, Tensor]:
    """Set the gradient of the mean loss; return that loss and the decided codes (G, S, out).

    Both stay on the device, so that no chunk waits for the one before. When the seconds of the
    budget end on the way, the samples that are left count as wrong, and not in the loss.
    """
    run.network.zero_grad(set_to_none=True)
    levels = 2**run.digit_bits - 1
    total = torch.zeros((), dtype=torch.float64, device=run.device)
    decided = run.wrong_codes()
    samples = run.coordinates.shape[1]
    step = max(1, run.plan.chunk // run.codes.shape[0])
    for start in range(0, samples, step):
        if start > 0 and run.seconds_left() <= 0:
            if run.best is None:
                run.looked_at = start / samples
            break
        part = slice(start, start + step)
        outputs = run.network(run.coordinates[:, part])
        targets = run.codes[:, part].to(torch.float32) / levels
        loss = run.model.loss.function(outputs, targets).sum() / run.codes.numel()
        loss.backward()
        total += loss.detach()
        decided[:, part] = run.model.loss.codes(outputs.detach(), run.digit_bits)
    return total, decided


def confirmed(run: Run) -> bool:
    """Whether no bit changes in float64: what hangs on rounding is not lossless yet."""
    words, _ = run.model.decode(batch=run.plan.chunk, precision="float64", device=run.device)
    return np.array_equal(words, run.truth)
