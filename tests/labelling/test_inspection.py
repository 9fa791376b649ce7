"""Gains under an inspector, exactly on random prefix trees."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.labelling import information, inspection
from prm_jax.models import lm
from prm_jax.solvers import inspector, step_scores
from prm_jax.tasks import base as tasks
from prm_jax.text import tokenizer as tokenizer_lib
from tests.labelling import chains
from tests.models import tiny
from tests.objectives import prefix_tree

TOKENIZER = tokenizer_lib.number_tokenizer(9)
ZERO = TOKENIZER.encode("0")[0]
BRANCH, DEPTH, ANSWERS = 3, 4, 4


class Tabular(lm.Model):
  """q(answer | digits so far) from a table: prefixes in order of length."""

  def setup(self):
    size = self.config.transformer.vocab_size
    self.table = self.param("table", nn.initializers.zeros, (121, size))

  def trunk(self, tokens, positions, segment_ids):
    def read(node, token):
      digit = token - ZERO
      is_step = (digit >= 0) & (digit < BRANCH)
      node = jnp.where(is_step, BRANCH * node + digit + 1, node)
      return node, node

    start = jnp.zeros(tokens.shape[0], jnp.int32)
    nodes = jax.lax.scan(read, start, tokens.T)[1].T
    return self.table[jnp.minimum(nodes, len(self.table) - 1)]

  def logits(self, hidden):
    return hidden


def posteriors(tree, law):
  """q(answer | prefix) [prefixes with the empty one, answers]."""
  mass = np.zeros((1 + len(tree.value), ANSWERS))
  columns = np.concatenate([np.zeros((len(law), 1), int), 1 + tree.prefix], 1)
  for column in columns.T:
    np.add.at(mass, column, tree.prob[:, None] * law)
  return mass / mass.sum(1, keepdims=True), columns


def test_mean_gains_are_mutual_information():
  """E1: I(Y; step | prefix) >= 0, which add up to H(Y | x) - H(Y | leaf)."""
  tree = prefix_tree.make(0, BRANCH, DEPTH)
  leaves = len(tree.prob)
  rng = np.random.default_rng(1)
  law = rng.dirichlet(np.full(ANSWERS, 0.5), leaves)
  q, columns = posteriors(tree, law)
  table = np.full((len(q), TOKENIZER.vocab_size), -np.inf, np.float32)
  table[:, ZERO : ZERO + ANSWERS] = np.log(q)
  model = Tabular(tiny.config(vocab_size=TOKENIZER.vocab_size))
  inspect = inspector.Inspector(
    model,
    {"params": {"table": jnp.asarray(table)}},
    inspector.Asking(TOKENIZER),
    step_scores.ScoringConfig(batch_tokens=4096),
  )
  digits = np.stack(
    [np.arange(leaves) // BRANCH**k % BRANCH for k in range(DEPTH)[::-1]], 1
  )
  steps = [tuple(map(str, row)) for row in digits.tolist()] * ANSWERS
  problems = [
    tasks.Problem(f"{i}", "", ":", str(i // leaves)) for i in range(len(steps))
  ]
  found = inspect(problems, steps, [problem.id for problem in problems])
  none = (0,) * DEPTH
  made = [
    inspection.label(chains.label(none, none, steps=own), one, "q").extra
    for own, one in zip(steps, found, strict=True)
  ]
  weight = (tree.prob[:, None] * law).T.reshape(-1)  # of leaf and answer
  entropy, gain, surprisal = (
    np.array([extra[name] for extra in made])
    for name in (inspection.ENTROPY, inspection.GAIN, inspection.SURPRISAL)
  )
  of_nodes = -(q * np.log2(q)).sum(1)
  want = np.tile(of_nodes[columns], (ANSWERS, 1))
  np.testing.assert_allclose(entropy, want[:, 1:], atol=2e-5)
  before, after = q[columns[:, :-1]], q[columns[:, 1:]]
  told = tree.prob @ (after * np.log2(after / before)).sum(-1)
  mean = weight @ gain
  np.testing.assert_allclose(mean, told, atol=1e-5)
  assert (mean >= 0).all()
  assert gain.min() < 0  # of one step it may be
  left = tree.prob @ of_nodes[columns[:, -1]]
  np.testing.assert_allclose(mean.sum(), of_nodes[0] - left, atol=1e-5)
  # Over answers as they come, the other quantity has the same mean.
  np.testing.assert_allclose(weight @ surprisal, weight @ entropy, atol=1e-5)
  starts = [extra[inspection.INSPECTION]["start"] for extra in made]
  np.testing.assert_allclose(starts[0]["entropy"], of_nodes[0], atol=1e-5)
  np.testing.assert_allclose(
    [start["surprisal"] for start in starts[::leaves]],
    -np.log2(q[0]),
    atol=1e-5,
  )


def inspected(entropy, surprisal, **told):
  told = {"num_tokens": 10, "num_dropped": 0} | told
  nats = [np.array(own) * np.log(2) for own in (entropy, surprisal)]
  return inspector.Inspected(*nats, **told)


def test_records():
  right, wrong = chains.label((1, 1), (2, 1)), chains.label((0, 0), (2, 1))
  found = inspected([[2, 4], [1, 1], [1, 3]], [[1, 1], [0, 3], [5, 0]])
  made = [inspection.label(right, found, "m")]
  assert (made[0].n_correct, made[0].n_total) == ((1, 1), (2, 1))
  extra = made[0].extra
  # A mean over the answer's tokens, and a sum.
  np.testing.assert_allclose(extra[inspection.ENTROPY], [1, 2])
  np.testing.assert_allclose(extra[inspection.GAIN], [2, -1])
  np.testing.assert_allclose(extra[inspection.SURPRISAL], [3, 5])
  own = extra[inspection.INSPECTION]
  np.testing.assert_allclose(list(own["start"].values()), [3, 2])
  assert (own["model"], own["answer_tokens"], own["prefixes"]) == ("m", 2, 3)
  # The last step told the answer; a text that was too long.
  short = inspected([[2.0], [1.5]], [[1.0], [np.inf]], num_dropped=3)
  long = inspected(np.zeros((0, 2)), np.zeros((0, 2)), num_tokens=99)
  made += [inspection.label(wrong, one, "m") for one in (short, long)]
  assert made[1].extra[inspection.ENTROPY][1] is None
  assert made[1].extra[inspection.SURPRISAL] == [None, None]
  assert made[2].extra[inspection.GAIN] == [None, None]
  assert made[2].extra[inspection.INSPECTION]["start"]["entropy"] is None
  told = inspection.summarise(made)
  np.testing.assert_allclose(told.pop("negative_gains"), 1 / 3)
  means = told.pop("mean_gain")
  np.testing.assert_allclose([means["right"], means["wrong"]], [0.5, 0.5])
  assert means["unknown"] is None
  assert told == {
    "gains": 3,
    "too_long": 1,
    "truncated": 1,
    "answer_steps": 1,
    "read_tokens": 20,
    "tokens_per_gain": pytest.approx(20 / 3),
  }


def test_names_are_not_those_of_the_other_form():
  own = {inspection.ENTROPY, inspection.GAIN, inspection.SURPRISAL}
  other = {information.ENTROPY, information.GAIN, information.SURPRISAL}
  assert not own & other
