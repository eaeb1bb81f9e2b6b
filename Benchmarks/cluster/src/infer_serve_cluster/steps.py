"""How long a step takes: a model of five numbers, fitted to what `infer-serve bench --json` measured."""

import itertools
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Iterable, List, Sequence, Tuple


@dataclass(frozen=True)
class StepModel:
    """Seconds of a replica's step, as a sum over what it has to do."""

    step_s: float
    """A step itself: weights are read, threads begin and end."""
    prompt_row_s: float
    """A row of a prompt."""
    sequence_s: float
    """A sequence that generates a token."""
    prompt_context_s: float = 0
    """A row of a prompt, for each token before it."""
    context_s: float = 0
    """A sequence that generates, for each token before."""
    apart: float = 1e9
    """Sequences that generate and cost `sequence_s`; further ones cost as a prompt's row does, since all experts are read."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} must be a number of 0 or more, not {value}")
        if self.step_s + self.prompt_row_s <= 0 or self.step_s + self.sequence_s <= 0:
            raise ValueError("a step that takes no time is none")

    def seconds(self, rows: float, sequences: int, rows_context: float, context: float) -> float:
        """A step of `rows` of prompts and of `sequences` that generate; `rows_context` is the sum over rows of the tokens
        before each, `context` that over sequences."""
        return (
            self.step_s + self.prompt_row_s * (rows + max(0.0, sequences - self.apart))
            + self.sequence_s * min(sequences, self.apart)
            + self.prompt_context_s * rows_context + self.context_s * context
        )  # fmt: skip

    def times(self, factor: float) -> "StepModel":
        """The model of a machine on which all takes so many times as long."""
        return StepModel(
            self.step_s * factor, self.prompt_row_s * factor, self.sequence_s * factor, self.prompt_context_s * factor,
            self.context_s * factor, self.apart)  # fmt: skip

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "StepModel":
        """Raises ValueError for a file that `save` has not written."""
        values = json.loads(path.read_text(encoding="utf-8"))
        try:
            return cls(**{name: float(value) for name, value in values.items()})
        except (AttributeError, TypeError) as error:
            raise ValueError(f"{path} is no model of steps: {error}") from error


Row = Tuple[Sequence[float], float]
"""What was done (steps, rows of prompts, sequences, context of rows, context of sequences), and the seconds it took."""


def rows_of(report: Iterable[Any]) -> List[Row]:
    """What the tests of `infer-serve bench --json` did, and how long they took."""
    rows: List[Row] = []
    for test in report:
        limit, depth = int(test["n_batch"]), int(test.get("n_depth", 0))
        count, prompt, answer = (int(test.get(name, 0)) for name in ("pl", "pp", "tg"))
        if count:
            rows.append((_reading(count, prompt, 0, limit), float(test["t_pp"])))
            rows.append((_writing(count, answer, prompt), float(test["t_tg"])))
        elif int(test["n_prompt"]):
            rows.append((_reading(1, int(test["n_prompt"]), depth, limit), _best(test)))
        elif int(test["n_gen"]):
            rows.append((_writing(1, int(test["n_gen"]), depth), _best(test)))
    return rows


def _best(test: Any) -> float:
    """Seconds of the repetition in which least else ran."""
    return float(min(test.get("samples_ns") or [test["avg_ns"]])) / 1e9


def _reading(count: int, tokens: int, depth: int, limit: int) -> List[float]:
    rows = count * tokens
    return [-(-rows // limit), rows, 0, count * (tokens * depth + tokens * (tokens - 1) / 2), 0]


def _writing(count: int, tokens: int, depth: int) -> List[float]:
    return [tokens, 0, count * tokens, 0, count * (tokens * depth + tokens * (tokens - 1) / 2)]


def fit(rows: Sequence[Row]) -> StepModel:
    """The model, none of its numbers below 0, whose shares of error over `rows` have the least sum of squares.

    Raises ValueError where the rows do not tell the five numbers, as without prompts or without generating.
    """
    if not rows:
        raise ValueError("there are no measurements: tests of prompts and of generating are needed")
    if any(seconds <= 0 for _, seconds in rows):
        raise ValueError("a measurement took no time")
    wanted = [([value / seconds for value in done], 1.0) for done, seconds in rows]
    best: Tuple[float, List[float]] = (float("inf"), [])
    # All subsets of five numbers are few: that of the best without negatives is the answer.
    for size in range(1, 6):
        for chosen in itertools.combinations(range(5), size):
            found = _least_squares([[done[i] for i in chosen] for done, _ in wanted])
            if found is None or min(found) < 0:
                continue
            values = [0.0] * 5
            for index, value in zip(chosen, found):
                values[index] = value
            error = sum((sum(a * b for a, b in zip(values, done)) - 1) ** 2 for done, _ in wanted)
            if error < best[0] * (1 - 1e-9):
                best = error, values
    if not best[1]:
        raise ValueError("the measurements do not tell how long steps take: tests of prompts and of generating are needed")
    return StepModel(*best[1])


def _least_squares(rows: List[List[float]]) -> "List[float] | None":
    """Solves rows · x = 1 by the normal equations, which are scaled to be of one size."""
    size = len(rows[0])
    scale = [max(abs(row[i]) for row in rows) or 1.0 for i in range(size)]
    scaled = [[row[i] / scale[i] for i in range(size)] for row in rows]
    matrix = [
        [sum(row[i] * row[j] for row in scaled) for j in range(size)] + [sum(row[i] for row in scaled)] for i in range(size)
    ]
    for i in range(size):
        pivot = max(range(i, size), key=lambda k: abs(matrix[k][i]))
        if abs(matrix[pivot][i]) < 1e-12:
            return None
        matrix[i], matrix[pivot] = matrix[pivot], matrix[i]
        for k in range(size):
            if k != i:
                factor = matrix[k][i] / matrix[i][i]
                matrix[k] = [a - factor * b for a, b in zip(matrix[k], matrix[i])]
    return [matrix[i][size] / matrix[i][i] / scale[i] for i in range(size)]
