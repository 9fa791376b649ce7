"""How far a run is: a bar in a terminal, now and then a line elsewhere."""

import time
from collections.abc import Mapping

import rich.console
import rich.progress

_SHOWN = (  # metric, how it is shown
  ("train/loss", "loss {:.4f}"),
  ("time/tokens_per_s", "{:,.0f} tokens/s"),
  ("time/mfu", "MFU {:.1%}"),
)


def describe(scalars: Mapping[str, float]) -> str:
  """The part of a row that is shown: `loss 1.2 · 3,000 tokens/s · MFU 40%`."""
  parts = [form.format(scalars[k]) for k, form in _SHOWN if k in scalars]
  parts += [
    f"{name.removeprefix('eval/')} {value:.4f}"
    for name, value in scalars.items()
    if name.startswith("eval/")
  ]
  return " · ".join(parts)


class Progress:
  """Shows a run of `total` steps under a `label`.

  Args:
    console: default: standard output.
    interval: seconds between two lines where there is no terminal.
    is_quiet: shows nothing: another process does.
  """

  def __init__(
    self,
    label: str,
    total: int,
    *,
    console: rich.console.Console | None = None,
    interval: float = 5.0,
    is_quiet: bool = False,
  ):
    self._label = label
    self._total = total
    self._console = console or rich.console.Console(
      highlight=False, quiet=is_quiet
    )
    self._interval = interval
    self._last = time.monotonic()
    self._bar: rich.progress.Progress | None = None
    if self._console.is_terminal:
      self._bar = rich.progress.Progress(
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeRemainingColumn(),
        rich.progress.TextColumn("{task.fields[told]}"),
        console=self._console,
        refresh_per_second=4,
      )
      self._task = self._bar.add_task(label, total=total, told="")
      self._bar.start()
    else:
      self.tell(f"{label} 0/{total}")

  def update(self, step: int, scalars: Mapping[str, float]) -> None:
    """Reports that `step` steps are done."""
    told = describe(scalars)
    if self._bar is not None:
      self._bar.update(self._task, completed=step, told=told)
      return
    now = time.monotonic()
    if step >= self._total or now - self._last >= self._interval:
      self._last = now
      line = f"{self._label} {step}/{self._total} {told}".rstrip()
      self._console.print(line, soft_wrap=True)

  def tell(self, line: str) -> None:
    """Shows one line above the bar."""
    self._console.print(line, soft_wrap=True)

  def close(self) -> None:
    """Leaves the terminal as it was."""
    if self._bar is not None:
      self._bar.stop()
