"""The paper's way of training: the whole signal in every step."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from lossless_inr_lite.training.memory import default_chunk
from lossless_inr_lite.training.run import Run


@dataclass(frozen=True)
class FullBatch:
    """Adam at a fixed rate on the gradient of the mean loss over the whole signal, summed over chunks."""

    learning_rate: float

    def train(self, run: Run, bar: "tqdm[Any]", chunk: int | None, seed: int) -> str:
        """Update until lossless or out of budget; return why it stopped.

        A step's forward pass decides every bit before the weights move, so checking them costs nothing and the
        weights that are kept are the ones that were checked.
        """
        chunk = chunk or default_chunk(run.device)
        optimiser = torch.optim.Adam(run.network.parameters(), lr=self.learning_rate)
        while True:
            loss, codes = gradient(run, chunk)
            run.check_finite(loss)
            entry = run.observe(loss, codes, run.network.state_dict)
            bar.set_postfix_str(f"BER {entry.ber:.2e}, {entry.wrong_bits} wrong bits")
            if entry.wrong_bits == 0 and confirmed(run, chunk):
                run.keep(entry, run.network.state_dict())
                return "lossless"
            if why := run.ended():
                return why
            optimiser.step()
            run.count(run.coordinates.shape[1], run.codes.shape[0])
            bar.update()


def gradient(run: Run, chunk: int) -> tuple[float, np.ndarray]:
    """Set the gradient of the mean loss; return that loss and the decided codes (G, S, out)."""
    run.network.zero_grad(set_to_none=True)
    levels, total, decided = 2**run.digit_bits - 1, 0.0, []
    step = max(1, chunk // run.codes.shape[0])
    for start in range(0, run.coordinates.shape[1], step):
        part = slice(start, start + step)
        outputs = run.network(run.coordinates[:, part])
        targets = run.codes[:, part].to(torch.float32) / levels
        loss = run.model.loss.function(outputs, targets).sum() / run.codes.numel()
        loss.backward()
        total += loss.item()
        decided.append(run.model.loss.codes(outputs.detach(), run.digit_bits))
    return total, torch.cat(decided, dim=1).cpu().numpy()


def confirmed(run: Run, chunk: int) -> bool:
    """No bit changes in float64 either: a decision that hangs on rounding is not lossless yet."""
    words, _ = run.model.decode(batch=chunk, precision="float64", device=run.device)
    return np.array_equal(words, run.truth)
