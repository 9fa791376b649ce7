"""Objectives by name, against sums over positions with numpy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.build import losses
from prm_jax.models import lm
from tests.models import tiny

CONFIG = losses.ObjectiveConfig
# Two packed sequences in the first row, one in the second, then padding.
SEGMENTS = np.array([[1, 1, 1, 2, 2, 0], [1, 1, 1, 1, 0, 0]], np.int32)
POSITIONS = np.array([[0, 1, 2, 0, 1, 0], [0, 1, 2, 3, 0, 0]], np.int32)
WEIGHTS = np.array([[0, 1, 1, 0, 0.5, 0], [0, 0, 2, 1, 0, 0]], np.float32)


def batch(kind):
  rng = np.random.default_rng(0)
  targets = {
    "tokens": rng.integers(0, tiny.VOCAB, WEIGHTS.shape).astype(np.int32),
    "values": rng.random(WEIGHTS.shape).astype(np.float32),
    "classes": rng.integers(0, 3, WEIGHTS.shape).astype(np.int32),
  }[kind]
  tokens = np.where(SEGMENTS > 0, rng.integers(1, 9, WEIGHTS.shape), 0)
  found = {
    "tokens": tokens.astype(np.int32),
    "positions": POSITIONS,
    "segment_ids": SEGMENTS,
    "targets": targets,
    "weights": WEIGHTS,
  }
  return jax.tree.map(jnp.asarray, found)


@functools.cache
def model(**changes):
  """(model, parameters, jitted forward)."""
  own, params = tiny.make(num_layers=1, **changes)
  return own, params, tiny.jit(functools.partial(lm.forward, own))


def run(config, data, **changes):
  """Mean and metrics of the loss; logits and values of the model."""
  own, params, forward = model(**changes)
  loss, metrics = losses.loss_fn(own, config)(params, data)
  out = forward(params, data["tokens"], data["positions"], data["segment_ids"])
  return loss, metrics, jax.tree.map(np.asarray, out)


def log_softmax(x):
  return x - np.log(np.exp(x).sum(-1, keepdims=True))


def chosen(x, index):
  return np.take_along_axis(x, np.asarray(index)[..., None], -1)[..., 0]


def test_sft_is_next_token_cross_entropy():
  data = batch("tokens")
  loss, _, out = run(CONFIG("sft"), data)
  want = -chosen(log_softmax(out.logits), data["targets"]) * WEIGHTS
  assert float(loss.total) == pytest.approx(want.sum(), rel=1e-5)
  assert float(loss.count) == WEIGHTS.sum()


@pytest.mark.parametrize("name", ["orm", "ovm", "tvm"])
@pytest.mark.parametrize("head", ["scalar", "token"])
def test_values_are_trained_by_binary_cross_entropy(name, head):
  data = batch("values")
  loss, _, out = run(CONFIG(name), data, value_head=head)
  chance, target = 1 / (1 + np.exp(-out.values)), np.asarray(data["targets"])
  want = -target * np.log(chance) - (1 - target) * np.log(1 - chance)
  assert float(loss.total) == pytest.approx((want * WEIGHTS).sum(), rel=1e-4)
  assert float(loss.count) == WEIGHTS.sum()


@pytest.mark.parametrize("link", ["sigmoid", "identity"])
def test_squared_error_is_of_what_will_be_read(link):
  data = batch("values")
  config = CONFIG("tvm", loss="squared_error")
  loss, _, out = run(config, data, value_head="token", value_link=link)
  read = 1 / (1 + np.exp(-out.values)) if link == "sigmoid" else out.values
  want = ((read - np.asarray(data["targets"])) ** 2 * WEIGHTS).sum()
  assert float(loss.total) == pytest.approx(want, rel=1e-4)


@pytest.mark.parametrize(
  ("kind", "num_classes"), [("classes", 3), ("values", 2)]
)
def test_steps_have_hard_or_soft_labels(kind, num_classes):
  data = batch(kind)
  loss, _, out = run(
    CONFIG("step"), data, value_head="step", num_classes=num_classes
  )
  law, target = log_softmax(out.values), np.asarray(data["targets"])
  if kind == "classes":
    want = -chosen(law, target)
  else:
    want = -(1 - target) * law[..., 0] - target * law[..., 1]
  assert float(loss.total) == pytest.approx((want * WEIGHTS).sum(), rel=1e-5)


def test_sum_divides_by_sequences():
  data = batch("values")
  token, _, _ = run(CONFIG("ovm"), data, value_head="token")
  summed, _, _ = run(CONFIG("ovm", reduction="sum"), data, value_head="token")
  assert float(summed.total) == pytest.approx(float(token.total))
  assert float(summed.count) == 3


def test_language_modelling_beside_values():
  data = batch("values")
  alone, _, out = run(CONFIG("tvm"), data, value_head="token")
  both, metrics, _ = run(
    CONFIG("tvm", lm_coefficient=0.3), data, value_head="token"
  )
  tokens, law = np.asarray(data["tokens"]), log_softmax(out.logits)
  total = count = 0.0
  for b, t in np.argwhere(SEGMENTS[:, 1:] == SEGMENTS[:, :-1]):
    weight = WEIGHTS[b, t + 1] * (SEGMENTS[b, t] > 0)
    total -= weight * law[b, t, tokens[b, t + 1]]
    count += weight
  # One count divides the sum of both.
  assert float(both.count) == float(alone.count)
  assert float(both.total) == pytest.approx(
    float(alone.total) + 0.3 * total, rel=1e-4
  )
  found = metrics["lm_loss"]
  assert float(found.total / found.count) == pytest.approx(
    total / count, rel=1e-4
  )


@pytest.mark.parametrize(
  ("config", "changes", "told"),
  [
    (CONFIG("tvm"), {}, r"objective\.name: 'tvm' needs a value head"),
    (
      CONFIG("sft"),
      {"value_head": "token", "use_lm_head": False},
      r"model\.use_lm_head",
    ),
    (
      CONFIG("ovm", lm_coefficient=0.1),
      {"value_head": "token", "use_lm_head": False},
      r"model\.use_lm_head",
    ),
    (
      CONFIG("ovm"),
      {"value_head": "token", "value_link": "identity"},
      r"objective\.loss: 'cross_entropy' trains logits",
    ),
  ],
)
def test_objective_that_does_not_fit_the_model_is_told(config, changes, told):
  with pytest.raises(errors.UserError, match=told):
    losses.loss_fn(lm.Model(tiny.config(**changes)), config)


def rows():
  """Two solutions, steps at 1, 2, 4; the second is wrong from step 1 on."""
  data = batch("values")
  segments = np.array([[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]], np.int32)
  weights = np.array([[0, 1, 1, 0, 1, 0], [0, 1, 1, 0, 0, 0]], np.float32)
  targets = np.array([[0, 1, 1, 0, 1, 0], [0, 1, 0, 0, 0, 0]], np.int32)
  arrays = {"segment_ids": segments, "weights": weights, "targets": targets}
  arrays["censored"] = np.zeros_like(weights)
  return data | jax.tree.map(jnp.asarray, arrays)


def test_the_first_error_is_a_hazard():
  loss, _, out = run(
    CONFIG("survival"), rows(), value_head="scalar", use_lm_head=False
  )
  right = np.log(1 / (1 + np.exp(-out.values)))  # log(1 - h)
  wrong = np.log(1 / (1 + np.exp(out.values)))
  want = -(right[0, [1, 2, 4]].sum() + right[1, 1] + wrong[1, 2])
  assert float(loss.total) == pytest.approx(want, rel=1e-5)
  assert float(loss.count) == 2


def test_a_wrong_solution_without_a_place_is_censored():
  """Of steps 1, 2 and 4 one is wrong; the other row says nothing."""
  data, there = rows(), np.array([[0, 1, 1, 0, 1, 0], [0] * 6], np.float32)
  nothing = {
    name: jnp.zeros_like(data[name]) for name in ("weights", "targets")
  }
  loss, _, out = run(
    CONFIG("survival"),
    data | nothing | {"censored": jnp.asarray(there)},
    value_head="scalar",
    use_lm_head=False,
  )
  survived = np.prod(1 / (1 + np.exp(-out.values[0, [1, 2, 4]])))
  assert float(loss.total) == pytest.approx(-np.log(1 - survived), rel=1e-5)
  assert float(loss.count) == 1


def test_steps_are_ranked():
  loss, _, out = run(
    CONFIG("pqm", margin=2.0), rows(), value_head="scalar", use_lm_head=False
  )
  one, two = (np.exp(values) for values in out.values)
  first = one[[1, 2, 4]]
  below = two[2] * np.exp(2.0)
  want = -np.mean(np.log(first / (1 + np.cumsum(first))))
  want -= np.mean(np.log([1 / (1 + below), two[1] / (1 + below + two[1])]))
  assert float(loss.total) == pytest.approx(want, rel=1e-5)
  assert float(loss.count) == 2


@pytest.mark.parametrize("name", ["pqm", "survival"])
def test_objectives_of_whole_solutions_want_one_score(name):
  one, _, _ = model(value_head="scalar", use_lm_head=False)
  with pytest.raises(errors.UserError, match=r"objective\.reduction"):
    losses.loss_fn(one, CONFIG(name, reduction="sum"))
  own, _, _ = model(value_head="step", use_lm_head=False)
  with pytest.raises(errors.UserError, match="value_head 'scalar'"):
    losses.loss_fn(own, CONFIG(name))
