"""Entropy and surprisal at places, against a forward of the whole text."""

import jax.numpy as jnp
import numpy as np

from prm_jax.models import inspection, lm, reads
from tests.models import tiny


def test_two_quantities_by_hand():
  with np.errstate(divide="ignore"):
    logits = np.log([[0.5, 0.25, 0.25, 0.0], [1.0, 0.0, 0.0, 0.0]])
  run = lambda x, y: (inspection.entropy(x), inspection.surprisal(x, y))
  entropy, surprisal = tiny.jit(run)(logits, np.array([1, 1]))
  np.testing.assert_allclose(entropy, [1.5 * np.log(2), 0], atol=1e-6)
  # Whoever is sure of another token is surprised.
  np.testing.assert_allclose(surprisal, [np.log(4), np.inf], rtol=1e-6)


def test_places_of_padded_texts():
  """The same as of every law of the text alone, in numpy."""
  model, params = tiny.make()
  rng = np.random.default_rng(0)
  texts = [rng.integers(1, tiny.VOCAB, size) for size in (9, 5, 12)]
  places = np.array([[3, 4, 7], [3, 0, 0], [8, 9, 10]])
  tokens = np.zeros((3, 14), np.int32)
  for row, text in zip(tokens, texts, strict=True):
    row[: len(text)] = text
  length = np.array([len(text) for text in texts])
  reading = inspection.Inspection(model)
  arrays = (tokens, length, np.zeros(3, np.int32), places)
  read = reads.Texts(*map(jnp.asarray, arrays))
  found = tiny.jit(reading)(params, read)
  assert found.shape == (3, 3, 2)
  forward = tiny.jit(lambda *own: lm.forward(model, params, *own).logits)
  logits = np.asarray(forward(*tiny.whole(tokens)), np.float64)
  q = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
  for row in range(3):
    for place, (entropy, surprisal) in zip(
      places[row], np.asarray(found)[row], strict=True
    ):
      law = q[row, place]
      want = -(law * np.log(law)).sum()
      np.testing.assert_allclose(entropy, want, rtol=1e-5, atol=1e-6)
      want = -np.log(law[tokens[row, place + 1]])
      np.testing.assert_allclose(surprisal, want, rtol=1e-5, atol=1e-6)
