"""A linear programme built from arrays of columns and rows, and solved by HiGHS (extra `cloud`)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gw_spaceheat.errors import BadInput
from gw_spaceheat.planning.model.maths import Floats

Columns = NDArray[np.intp]
Number = Floats | float


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the solver says; `objective` and `values` mean something only if `status` is "optimal"."""

    status: str
    objective: float
    values: Floats
    seconds: float


class LinearProgram:
    """Minimise cost * x with bounds on columns x and on rows."""

    def __init__(self) -> None:
        self._size = 0
        self._low: list[Floats] = []
        self._high: list[Floats] = []
        self._cost: list[Floats] = []
        self._rows = 0
        self._row_low: list[Floats] = []
        self._row_high: list[Floats] = []
        self._entries: list[tuple[NDArray[np.intp], Columns, Floats]] = []
        self.constant = 0.0

    def columns(self, shape: tuple[int, ...], low: Number = 0.0, high: Number = np.inf, cost: Number = 0.0) -> Columns:
        """New columns; the answer has `shape` and holds their numbers."""
        count = int(np.prod(shape))
        for values, number in ((self._low, low), (self._high, high), (self._cost, cost)):
            values.append(np.broadcast_to(np.asarray(number, dtype=np.float64), shape).reshape(-1))
        self._size += count
        return np.arange(self._size - count, self._size, dtype=np.intp).reshape(shape)

    def rows(self, terms: list[tuple[Columns, Number]], low: Number = -np.inf, high: Number = np.inf) -> None:
        """One row per entry of the first axis: low <= sum of columns * factors <= high.

        Columns have shape (rows,) or (rows, many); factors broadcast against them.
        """
        count = terms[0][0].shape[0]
        rows = np.arange(self._rows, self._rows + count, dtype=np.intp)
        for columns, factor in terms:
            factors = np.broadcast_to(np.asarray(factor, dtype=np.float64), columns.shape).reshape(-1)
            places = np.repeat(rows, columns.size // count) if count else rows
            self._entries.append((places, columns.reshape(-1), factors))
        self._row_low.append(np.broadcast_to(np.asarray(low, dtype=np.float64), (count,)))
        self._row_high.append(np.broadcast_to(np.asarray(high, dtype=np.float64), (count,)))
        self._rows += count

    def solve(self) -> Answer:
        """Hand it to HiGHS in one piece."""
        try:
            import highspy
        except ImportError as error:
            raise BadInput(
                "lower bound: highspy is missing, install the extra `cloud` (requirements/cloud.txt)"
            ) from error
        rows, columns, factors = (np.concatenate(parts) for parts in zip(*self._entries, strict=True))
        kept = factors != 0.0
        rows, columns, factors = rows[kept], columns[kept], factors[kept]
        order = np.lexsort((rows, columns))
        problem = highspy.HighsLp()
        problem.num_col_, problem.num_row_ = self._size, self._rows
        problem.col_cost_ = np.concatenate(self._cost)
        problem.col_lower_, problem.col_upper_ = np.concatenate(self._low), np.concatenate(self._high)
        problem.row_lower_, problem.row_upper_ = np.concatenate(self._row_low), np.concatenate(self._row_high)
        matrix = problem.a_matrix_
        matrix.format_ = highspy.MatrixFormat.kColwise
        matrix.num_col_, matrix.num_row_ = self._size, self._rows
        starts = np.searchsorted(columns[order], np.arange(self._size + 1))
        matrix.start_, matrix.index_ = starts.astype(np.int32), rows[order].astype(np.int32)
        matrix.value_ = factors[order]
        solver = highspy.Highs()  # type: ignore[no-untyped-call]
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("threads", 1)
        # Interior point, then crossover to a corner: half the time of the simplex method on many steps.
        solver.setOptionValue("solver", "ipm")
        solver.passModel(problem)
        solver.run()
        status = solver.getModelStatus()
        name = "optimal" if status == highspy.HighsModelStatus.kOptimal else solver.modelStatusToString(status)
        objective = float(solver.getInfo().objective_function_value) + self.constant
        return Answer(name, objective, np.array(solver.getSolution().col_value), float(solver.getRunTime()))
