"""Error against label cost, and what each target is good for."""

import pathlib

import claims
import numpy as np

_USES = {
  "value_mse": "squared error to V",
  "f1": "first-error F1",
  "best_of_n_last": "best of 16, last",
}


def cost(cells: claims.Cells, path: pathlib.Path) -> None:
  """Of the tasks with several budgets; bars from the lowest to the highest."""
  by_task: dict[str, set[int]] = {}
  for task, _, budget in cells:
    by_task.setdefault(task, set()).add(budget)
  names = [task for task, budgets in by_task.items() if len(budgets) > 1]
  if not names:
    return
  from matplotlib import pyplot

  drawn, grid = pyplot.subplots(
    len(names), len(_USES), figsize=(13, 4 * len(names)), squeeze=False
  )
  for task, axes in zip(names, grid, strict=True):
    for axis, (metric, title) in zip(axes, _USES.items(), strict=True):
      for name in dict.fromkeys(n for t, n, _ in cells if t == task):
        own = sorted(
          (budget, [cell[metric] for cell in by_seed.values()])
          for (t, n, budget), by_seed in cells.items()
          if (t, n) == (task, name)
        )
        if len(own) > 1:
          mean = np.array([np.mean(v) for _, v in own])
          ends = np.array([(np.min(v), np.max(v)) for _, v in own]).T
          axis.errorbar(
            [budget for budget, _ in own],
            mean,
            yerr=np.abs(ends - mean),
            marker="o",
            capsize=3,
            label=name,
          )
      axis.set(xscale="log", xlabel=f"{task}: tokens of labels", ylabel=title)
  grid[0][0].legend()
  drawn.tight_layout()
  drawn.savefig(path, dpi=110)


def uses(cells: claims.Cells, path: pathlib.Path) -> None:
  """Every target on every task, all seeds as dots."""
  from matplotlib import pyplot

  tasks = list(dict.fromkeys(task for task, _, _ in cells))
  drawn, grid = pyplot.subplots(
    *(len(_USES), len(tasks)), figsize=(3.6 * len(tasks), 8), squeeze=False
  )
  for task, axes in zip(tasks, grid.T, strict=True):
    most = max(budget for own, _, budget in cells if own == task)
    names = [n for t, n, budget in cells if (t, budget) == (task, most)]
    for axis, (metric, title) in zip(axes, _USES.items(), strict=True):
      for place, name in enumerate(names):
        found = [cell[metric] for cell in cells[task, name, most].values()]
        axis.plot([place] * len(found), found, "o", ms=4, color="tab:blue")
        axis.plot(place, np.mean(found), "_", ms=14, color="black")
      axis.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
      axis.set_ylabel(title)
    axes[0].set_title(task)
  drawn.tight_layout()
  drawn.savefig(path, dpi=110)
