"""How problems and solutions stand in the tokens of a model that writes."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Notation(Protocol):
  """What programs need of a tokenizer and the texts that a policy is used to.

  `tokenizer.Tokenizer` is that of the generated tasks,
  `public_notation.PublicNotation` that of public checkpoints.
  """

  @property
  def backend(self) -> Any:
    """The tokenizer of the library `tokenizers`."""
    ...

  @property
  def vocab_size(self) -> int: ...

  def encode_prompt(self, text: str) -> list[int]:
    """Ids of a problem, up to where its solution begins."""
    ...

  def read_steps(
    self, tokens: Sequence[int] | np.ndarray
  ) -> tuple[list[str], bool]:
    """Step texts in the tokens after a prompt, and whether it ended there."""
    ...
