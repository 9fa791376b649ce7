"""Objectives of several sequences in a row: trained, and against numpy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from prm_jax import errors
from prm_jax.build import losses
from prm_jax.data import examples as examples_lib
from prm_jax.data import lists, pipeline, records
from prm_jax.labelling import list_targets
from prm_jax.models import lm
from prm_jax.text import steps as steps_lib
from tests.models import tiny

PROMPT = {"p": records.Problem("p", "toy", "12", "3")}
PAIR = records.StepPair(
  "p", ("34",), ("5",), ("67", "8"), 0.9, 0.2, {"better_visits": 5,
  "worse_visits": 2},
)  # fmt: skip


def encode(prompt, steps):
  """A token per character; a step ends with 9."""
  tokens = [int(c) for c in prompt]
  ends = []
  for step in steps:
    tokens += [*(int(c) for c in step), 9]
    ends.append(len(tokens) - 1)
  return steps_lib.EncodedSolution(
    np.array(tokens, np.int32), len(prompt), np.array(ends, np.int32)
  )


def batch(examples, rows=2, width=24):
  config = pipeline.PipelineConfig(
    rows, width, "bucket", order="fixed", num_epochs=1, prefetch=0
  )
  return jax.tree.map(
    jnp.asarray, next(pipeline.make_iterator(examples, config))
  )


def pairs(transform, **options):
  return batch(
    list_targets.from_pairs(encode, PROMPT, [PAIR], transform, **options)
  )


@functools.cache
def model(**changes):
  own, params = tiny.make(num_layers=1, **changes)
  return own, params, tiny.jit(functools.partial(lm.forward, own))


def apart(own, params, forward, steps):
  """Outputs of a sequence that is read alone."""
  solution = encode("12", steps)
  tokens = np.zeros((1, 16), np.int32)
  tokens[0, : len(solution.tokens)] = solution.tokens
  segments = (np.arange(16)[None] < len(solution.tokens)).astype(np.int32)
  out = forward(params, jnp.asarray(tokens), jnp.arange(16)[None], segments)
  return solution, jax.tree.map(lambda x: np.asarray(x)[0], out)


BETTER, WORSE = ("34", "5"), ("34", "67", "8")
SCORE = {"value_head": "scalar", "use_lm_head": False}


def test_pairs_are_read_at_their_steps_ends():
  """Each sequence as if alone; not where both still are one."""
  own, params, forward = model(**SCORE)
  data = pairs(lists.to_ends)
  read = []
  for steps in (BETTER, WORSE):
    solution, out = apart(own, params, forward, steps)
    read.append(out.values[solution.step_end])
  softplus = lambda x: np.log1p(np.exp(-x))
  lead = {
    "last": [read[0][1] - read[1][2]],
    "steps": [read[0][1] - read[1][1]],
  }
  for form, leads in lead.items():
    config = losses.ObjectiveConfig("preference", form=form)
    mean, _ = tiny.jit(losses.loss_fn(own, config))(params, data)
    assert float(mean.total) == pytest.approx(softplus(leads[0]), rel=1e-4)
    assert float(mean.count) == 1  # the second row is empty
  config = losses.ObjectiveConfig("preference", alpha=2.0)
  mean, _ = tiny.jit(losses.loss_fn(own, config))(params, data)
  assert float(mean.total) == pytest.approx(
    softplus(lead["last"][0] - 2 * 0.7), rel=1e-4
  )
  config = losses.ObjectiveConfig("preference", form="soft")
  mean, _ = tiny.jit(losses.loss_fn(own, config))(params, data)
  d = lead["last"][0]
  want = 0.85 * softplus(d) + 0.15 * softplus(-d)
  assert float(mean.total) == pytest.approx(want, rel=1e-4)


def token_log_probs(out, solution):
  law = out.logits - np.log(np.exp(out.logits).sum(-1, keepdims=True))
  at = np.arange(1, len(solution.tokens))
  return np.concatenate([[0], law[at - 1, solution.tokens[at]]])


def reference():
  own, params = tiny.make(seed=1, num_layers=1)
  return losses.Reference(own, params)


def test_log_ratios_are_of_the_tokens_that_differ():
  own, params, forward = model()
  other = reference()
  data = pairs(lists.to_tokens, needs_visits=True)
  ratio = []
  for steps in (BETTER, WORSE):
    solution, out = apart(own, params, forward, steps)
    _, ref = apart(own, other.params, forward, steps)
    found = token_log_probs(out, solution) - token_log_probs(ref, solution)
    ratio.append(found[solution.step_end[0] + 1 :].sum())
  lead = 0.5 * (ratio[0] - ratio[1])
  softplus = lambda x: np.log1p(np.exp(-x))
  for options, want in (
    ({}, softplus(lead)),
    ({"alpha": 1.0}, softplus(lead - 0.7)),
    (
      {"form": "visits"},
      (1 - 2 / 7) * softplus(lead) + 2 / 7 * softplus(-lead),
    ),
    ({"form": "ipo"}, (lead / 0.5 - 1) ** 2),
  ):
    config = losses.ObjectiveConfig("step_dpo", beta=0.5, **options)
    loss = losses.ratio_loss_fn(own, config, other)
    mean, _ = tiny.jit(loss.fn)(params, loss.frozen, data)
    assert float(mean.total) == pytest.approx(want, rel=1e-3), options
    assert float(mean.count) == 1


def stepped(params, slope):
  """A small step downhill, whatever the slope's size."""
  norm = optax.tree.norm(slope)
  assert float(norm) > 0
  return jax.tree.map(lambda p, g: p - 3e-3 * g / norm, params, slope)


def lists_of(outcomes):
  parts = [
    lists.to_tokens(encode("12", steps), 0, float(worth))
    for steps, worth in zip((BETTER, WORSE), outcomes, strict=True)
  ]
  rows = examples_lib.from_dicts([lists.joined(parts)])
  return batch(rows)


@pytest.mark.parametrize("form", ["ce", "dpo", "nca", "kto"])
def test_implicit_rewards_learn_outcomes(form):
  own, params, _ = model()
  config = losses.ObjectiveConfig("implicit", form=form, beta=0.5)
  loss = losses.ratio_loss_fn(own, config, losses.Reference(own, params))
  data = lists_of((1, 0))
  run = tiny.jit(jax.value_and_grad(
    lambda p: loss.fn(p, params, data)[0].compute()
  ))  # fmt: skip
  first, slope = run(params)
  # Without log-ratios: log 2 and its kin.
  assert float(first) == pytest.approx(
    {"ce": np.log(2), "dpo": np.log(2), "nca": 2 * np.log(2), "kto": 0.5}[form],
    rel=1e-5,
  )
  moved = stepped(params, slope)
  assert float(run(moved)[0]) < float(first)


@pytest.mark.parametrize(
  ("name", "changes", "kind"),
  [
    ("regression_preference", SCORE, "ends"),
    (
      "gpm",
      {"value_head": "step", "num_classes": 4, "value_link": "embedding",
       "use_lm_head": False},
      "ends",
    ),
    ("aft", {}, "lists"),
    ("tpo", {}, "lists"),
  ],
)  # fmt: skip
def test_the_others_learn(name, changes, kind):
  own, params, _ = model(**changes)
  config = losses.ObjectiveConfig(name, alpha=0.5, beta=0.5)
  data = pairs(lists.to_ends) if kind == "ends" else lists_of((1, 0))
  if name == "tpo":
    ratio = losses.ratio_loss_fn(own, config, losses.Reference(own, params))
    loss = ratio.bind(ratio.frozen)
  else:
    loss = losses.loss_fn(own, config)
  run = tiny.jit(jax.value_and_grad(lambda p: loss(p, data)[0].compute()))
  first, slope = run(params)
  moved = stepped(params, slope)
  assert float(run(moved)[0]) < float(first)


def test_what_does_not_fit_is_told():
  own, _, _ = model(**SCORE)
  with pytest.raises(errors.UserError, match="value_link 'embedding'"):
    losses.loss_fn(own, losses.ObjectiveConfig("gpm"))
  with pytest.raises(errors.UserError, match=r"objective\.form: 'best'"):
    losses.loss_fn(own, losses.ObjectiveConfig("preference", form="best"))
  with pytest.raises(errors.UserError, match=r"objective\.name: 'mvm'"):
    losses.loss_fn(own, losses.ObjectiveConfig("mvm"))
  with pytest.raises(errors.UserError, match=r"pairs\[0\]\.problem_id"):
    list_targets.from_pairs(encode, {}, [PAIR], lists.to_ends)
  bare = records.StepPair("p", (), ("5",), ("6",))
  make = functools.partial(list_targets.from_pairs, encode, PROMPT, [bare])
  with pytest.raises(errors.UserError, match="better_value: missing"):
    make(lists.to_ends, needs_values=True)
  with pytest.raises(errors.UserError, match="better_visits: missing"):
    make(lists.to_tokens, needs_visits=True)
