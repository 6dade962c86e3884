"""The table of figures, one column for each server, and how they stand to the first one."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from rich.table import Table

from inference.terminal.benching.measurements import Figure

Runs = Mapping[str, Sequence[Figure]]
"""The figures of every run, by row."""


def medians(runs: Runs) -> dict[str, Figure]:
    return {
        name: Figure(
            name=name,
            value=statistics.median(figure.value for figure in figures),
            unit=figures[0].unit,
            is_more_better=figures[0].is_more_better,
        )
        for name, figures in runs.items()
    }


def ratio(ours: Figure, theirs: Figure | None) -> str:
    """Return our value as a share of theirs, whichever is better."""
    return f"{ours.value / theirs.value:.2f}" if theirs is not None and theirs.value else ""


def comparison(names: Sequence[str], runs: Sequence[Runs]) -> Table:
    """Return the table of the medians; with peers, each has a column of our value's ratio to its own."""
    columns = [medians(of_one) for of_one in runs]
    table = Table(box=None, pad_edge=False)
    table.add_column("measured")
    table.add_column(names[0], justify="right")
    for name in names[1:]:
        table.add_column(name, justify="right")
        table.add_column("ratio", justify="right")
    for row, ours in columns[0].items():
        cells = [row, _cell(ours)]
        for column in columns[1:]:
            cells += [_cell(column.get(row)), ratio(ours, column.get(row))]
        table.add_row(*cells)
    return table


def scaling(runs: Runs) -> str:
    """Return in a sentence what more users at once bring: `1 user 18.0 /s, 4 users 47.0 /s: 2.6 times as much`."""
    rates = [figure for name, figure in medians(runs).items() if name.endswith(": tokens a second")]
    if len(rates) < 2 or not rates[0].value:
        return ""
    told = ", ".join(f"{figure.name.partition(':')[0]} {figure.value:.1f} /s" for figure in rates)
    return f"{told}: {max(figure.value for figure in rates) / rates[0].value:.1f} times as much"


def _cell(figure: Figure | None) -> str:
    return "" if figure is None else f"{figure.value:,.1f} {figure.unit}"
