"""Prefix counts against a plain dictionary, golden values and exact V."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.labelling import prefix_tree
from prm_jax.objectives import value


def random_samples(seed, num=60, vocabulary=3, max_length=6, num_problems=4):
  rng = np.random.default_rng(seed)
  lengths = rng.integers(0, max_length + 1, num)
  return prefix_tree.from_sequences(
    [rng.integers(0, vocabulary, length) for length in lengths],
    rng.integers(0, 2, num),
    rng.integers(0, num_problems, num),
  )


def paths(samples):
  """(problem, token tuple, outcome) of every sample."""
  bounds = zip(samples.offsets[:-1], samples.offsets[1:], strict=True)
  return [
    (int(problem), tuple(samples.tokens[start:end].tolist()), int(outcome))
    for problem, (start, end), outcome in zip(
      samples.problems, bounds, samples.outcomes, strict=True
    )
  ]


def dictionary_counts(samples):
  """The trie written the obvious way: one entry per (problem, prefix)."""
  correct, total = collections.Counter(), collections.Counter()
  for problem, tokens, outcome in paths(samples):
    for depth in range(len(tokens) + 1):
      correct[problem, tokens[:depth]] += outcome
      total[problem, tokens[:depth]] += 1
  return correct, total


def prefixes(samples):
  """The key of every token, in the order of `Counts.n_correct`."""
  return [
    (problem, tokens[: depth + 1])
    for problem, tokens, _ in paths(samples)
    for depth in range(len(tokens))
  ]


# Responses ab=1, ac=0, ad=1, be=0.
TEMPO = prefix_tree.from_sequences(
  [[0, 1], [0, 2], [0, 3], [1, 4]], [1, 0, 1, 0], [0, 0, 0, 0]
)


@pytest.mark.parametrize("seed", range(5))
def test_counts_equal_the_dictionary(seed):
  samples = random_samples(seed)
  counts = prefix_tree.count(samples)
  correct, total = dictionary_counts(samples)
  keys = prefixes(samples)
  assert counts.n_correct.tolist() == [correct[key] for key in keys]
  assert counts.n_total.tolist() == [total[key] for key in keys]
  roots = [(problem, ()) for problem, _, _ in paths(samples)]
  assert counts.root_correct.tolist() == [correct[key] for key in roots]
  assert counts.root_total.tolist() == [total[key] for key in roots]


def test_token_ids_of_any_size_do_not_collide():
  big = 2**31 - 2
  samples = prefix_tree.from_sequences(
    [[0, big], [1, 0], [big, 1], [0, big]], [1, 0, 0, 0], [0, 0, 0, 0]
  )
  assert prefix_tree.count(samples).n_total.tolist() == [2, 2, 1, 1, 1, 1, 2, 2]


def test_golden_values_of_tempo():
  counts = prefix_tree.count(TEMPO)
  label = counts.n_correct / counts.n_total
  np.testing.assert_allclose(counts.root_correct / counts.root_total, 0.5)
  np.testing.assert_allclose(label[[0, 2, 4]], 2 / 3)
  assert label[6] == 0
  np.testing.assert_array_equal(label[1::2], [1, 0, 1, 0])


def test_value_differences_add_up_to_outcome_minus_mean():
  counts = prefix_tree.count(TEMPO)
  value_1 = (counts.n_correct / counts.n_total).reshape(4, 2)
  root = counts.root_correct / counts.root_total
  steps = np.diff(np.column_stack([root, value_1]), axis=1)
  np.testing.assert_allclose(steps.sum(1), TEMPO.outcomes - 0.5)


def test_duplicates_share_a_leaf_and_average_their_rewards():
  samples = prefix_tree.from_sequences(
    [[5, 6], [5, 6]], np.array([1.0, 0.25]), [0, 0]
  )
  counts = prefix_tree.count(samples)
  np.testing.assert_allclose(counts.n_correct / counts.n_total, 0.625)


def test_leave_one_out_is_the_count_without_the_sample():
  samples = random_samples(11, num=20, num_problems=2)
  left = prefix_tree.leave_one_out(samples, prefix_tree.count(samples))
  for index in range(20):
    others = samples.take(np.delete(np.arange(20), index))
    correct, total = dictionary_counts(others)
    problem, tokens, _ = paths(samples)[index]
    keys = [(problem, tokens[: d + 1]) for d in range(len(tokens))]
    span = slice(samples.offsets[index], samples.offsets[index + 1])
    assert left.n_correct[span].tolist() == [correct[k] for k in keys]
    assert left.n_total[span].tolist() == [total[k] for k in keys]
    assert left.root_correct[index] == correct[problem, ()]
    assert left.root_total[index] == total[problem, ()]


def test_distinct_keeps_the_first_of_equal_responses_to_a_problem():
  samples = prefix_tree.from_sequences(
    [[1], [1], [1, 2], [1], [], []], [1] * 6, [0, 0, 0, 1, 1, 1]
  )
  assert prefix_tree.distinct(samples).tolist() == [0, 2, 3, 4]


@pytest.mark.parametrize(
  "loss_fn", [value.squared_error, value.binary_cross_entropy]
)
def test_full_batch_gradient_is_that_of_outcome_labels(loss_fn):
  """T1: tree labels and outcomes at every token, any function of the prefix."""
  samples = random_samples(3)
  counts = prefix_tree.count(samples)
  outcome = np.repeat(samples.outcomes, samples.lengths).astype(np.float64)
  label = counts.n_correct / counts.n_total
  assert np.abs(outcome - label).max() > 0.1
  keys = prefixes(samples)
  names = {key: number for number, key in enumerate(dict.fromkeys(keys))}
  rng = np.random.default_rng(0)
  features = rng.normal(size=(len(names), 4))[[names[key] for key in keys]]
  with jax.enable_x64(True):
    hidden = jnp.asarray(rng.normal(size=(4, 5)))

    def loss(params, targets):
      outputs = jnp.tanh(jnp.asarray(features) @ params) @ jnp.ones(5)
      weights = jnp.ones(len(targets))
      mean, _ = loss_fn(outputs[None], targets[None], weights[None])
      return mean.total / mean.count

    tree, tree_gradient = jax.value_and_grad(loss)(hidden, jnp.asarray(label))
    ovm, ovm_gradient = jax.value_and_grad(loss)(hidden, jnp.asarray(outcome))
    assert jnp.abs(ovm_gradient).max() > 1e-3
    np.testing.assert_allclose(tree_gradient, ovm_gradient, rtol=0, atol=1e-10)
    if loss_fn is value.squared_error:
      # The losses differ by the variance of the outcomes within a node.
      within = np.mean((outcome - label) ** 2)
      np.testing.assert_allclose(ovm - tree, within, atol=1e-10)


def test_labels_are_unbiased_given_a_visit_with_the_binomial_variance():
  """T2: 6 samples, a prefix of probability 0.2 and value 0.7."""
  rng = np.random.default_rng(5)
  problems, num, visit, v = 40_000, 6, 0.2, 0.7
  first = (rng.random((problems, num)) < visit).astype(np.int64)
  outcomes = (rng.random((problems, num)) < np.where(first, v, 0.1)) + 0
  samples = prefix_tree.Samples(
    *(first.ravel(), np.arange(problems * num + 1)),
    *(np.repeat(np.arange(problems), num), outcomes.ravel()),
  )
  counts = prefix_tree.count(samples)
  label = (counts.n_correct / counts.n_total).reshape(problems, num)
  visited = first.any(1)
  labels = label[visited, first[visited].argmax(1)]
  n = first[visited].sum(1)
  variance = v * (1 - v) * np.mean(1 / n)
  assert abs(labels.mean() - v) < 4.5 * np.sqrt(variance / len(labels))
  np.testing.assert_allclose(labels.var(), variance, rtol=0.02)
  np.testing.assert_allclose(labels.var(), 0.1558, rtol=0.03)


def test_labels_approach_the_exact_value_of_a_random_prefix_tree():
  """E1: Dirichlet policy, Bernoulli leaves, V by one backward pass."""
  rng = np.random.default_rng(7)
  size, depth, num = 3, 4, 4000
  policy = [rng.dirichlet(np.ones(size), (size,) * d) for d in range(depth)]
  values = [(rng.random((size,) * depth) < 0.4).astype(float)]
  for pi in reversed(policy):
    values.insert(0, (pi * values[0]).sum(-1))
  tokens = np.zeros((num, 0), np.int64)
  for pi in policy:
    chances = pi[tuple(tokens.T)] if tokens.shape[1] else np.tile(pi, (num, 1))
    drawn = (chances.cumsum(1) < rng.random((num, 1))).sum(1)
    tokens = np.column_stack([tokens, np.minimum(drawn, size - 1)])
  outcomes = values[depth][tuple(tokens.T)].astype(np.int64)
  counts = prefix_tree.count(
    prefix_tree.from_sequences(list(tokens), outcomes, np.zeros(num, int))
  )
  label = (counts.n_correct / counts.n_total).reshape(num, depth)
  visits = counts.n_total.reshape(num, depth)
  for d in range(1, depth + 1):
    exact = values[d][tuple(tokens[:, :d].T)]
    error = np.abs(label[:, d - 1] - exact)
    spread = np.sqrt(exact * (1 - exact) / visits[:, d - 1])
    assert (error <= 4.5 * spread + 1e-12)[visits[:, d - 1] >= 50].all()
  np.testing.assert_array_equal(label[:, -1], outcomes)


def test_tree_of_step_ids_agrees_with_tokens_at_step_ends():
  rng = np.random.default_rng(2)
  steps = [[3, 4, 1], [3, 1], [4, 4, 4, 1], [5, 3, 1]]  # 1 closes a step
  chosen = [rng.integers(0, 4, rng.integers(1, 4)) for _ in range(50)]
  outcomes, problems = rng.integers(0, 2, 50), np.zeros(50, int)
  by_step = prefix_tree.count(
    prefix_tree.from_sequences(chosen, outcomes, problems)
  )
  tokens = [np.concatenate([steps[i] for i in ids]) for ids in chosen]
  samples = prefix_tree.from_sequences(tokens, outcomes, problems)
  by_token = prefix_tree.count(samples)
  ends = samples.tokens == 1
  np.testing.assert_array_equal(by_token.n_total[ends], by_step.n_total)
  np.testing.assert_array_equal(by_token.n_correct[ends], by_step.n_correct)


def test_statistics_by_hand():
  """T3 on the four responses of the golden values."""
  found = prefix_tree.statistics(TEMPO, prefix_tree.count(TEMPO))
  third = -(2 / 3) * np.log2(2 / 3) - (1 / 3) * np.log2(1 / 3)
  assert found["shared_token_fraction"] == 3 / 8
  np.testing.assert_allclose(found["label_entropy"], [0.75 * third, 0])
  np.testing.assert_allclose(found["fraction_positive"], [0.5, 0.5])


def test_samples_that_do_not_match_are_an_error():
  with pytest.raises(errors.UserError, match="2 sequences, 1 outcomes"):
    prefix_tree.from_sequences([[1], [2]], [1], [0, 0])
  with pytest.raises(errors.UserError, match="there are none"):
    prefix_tree.from_sequences([], [], [])
