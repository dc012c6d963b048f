"""Which pixels are coded together, and which decoded ones each of them sees."""

from collections.abc import Iterator

import numpy as np

# (row, column) of neighbours, relative to the pixel itself.
Offsets = list[tuple[int, int]]


def wavefront(height: int, width: int, reach: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows (m,) and columns (m,) of the pixels of each step, from the first pixel to the last.

    A pixel that sees at most `reach` columns to its right in the rows above comes at the step
    column + (reach + 1) row. So all that it sees came before, and pixels of one step do not see
    each other.

    >>> for rows, columns in wavefront(2, 3, 0):
    ...     print(rows.tolist(), columns.tolist())
    [0] [0]
    [0, 1] [1, 0]
    [0, 1] [2, 1]
    [1] [2]
    """
    skew = reach + 1
    for step in range(width + skew * (height - 1)):
        first = max(0, -((width - 1 - step) // skew))
        rows = np.arange(first, min(height - 1, step // skew) + 1)
        if len(rows):  # narrow pictures have steps without a pixel
            yield rows, step - skew * rows


def causal_offsets(rows: int, left: int, right: int) -> Offsets:
    """The `left` pixels before a pixel, and a band `rows` high above it, from -left to right.

    >>> causal_offsets(1, 1, 1)
    [(0, -1), (-1, -1), (-1, 0), (-1, 1)]
    """
    before = [(0, -column) for column in range(1, left + 1)]
    columns = range(-left, right + 1)
    above = [(-row, column) for row in range(1, rows + 1) for column in columns]
    return before + above


def reach_of(offsets: Offsets) -> int:
    """How many columns to the right the offsets go."""
    return max((column for _, column in offsets), default=0)
