"""Particle methods on a process that does not write from left to right."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import fk_steering, gibbs, particle, potentials
from tests.search import diffusion, reference, reference_particles, tabular

RUNS = 5000
REWARDS = np.array([diffusion.reward(text) for text in diffusion.TEXTS])
# Whose expectation is estimated: the first symbol is the last one.
EQUAL = np.array([text[0] == text[-1] for text in diffusion.TEXTS])
CODES = np.array([diffusion.encode(text) for text in diffusion.TEXTS])
POTENTIALS = list(fk_steering.POTENTIALS)


def law_of(output):
  """Self-normalised frequencies of the texts."""
  weights = np.asarray(jax.nn.softmax(output.log_weight, axis=1))
  found = np.asarray(diffusion.codes(output.embedding))
  masses = np.bincount(found.ravel(), weights.ravel(), minlength=64)
  return masses[CODES] / len(found)


def assert_target(output, mass):
  """`mass` [27] is the unnormalised target."""
  text = output.embedding
  equal = text[..., 0] == text[..., -1]
  evidence, estimate = reference_particles.unnormalised(output, equal)
  reference.assert_mean(evidence, mass.sum())
  reference.assert_mean(estimate, mass @ EQUAL)
  assert np.asarray(output.done).all()


@tabular.jit
def steer(model, potential, threshold):
  def any_potential(rows, step):
    choices = [
      functools.partial(fk_steering.by_name(name), strength=3.0)
      for name in POTENTIALS
    ]
    return jax.lax.switch(potential, choices, rows, step)

  return particle.particle_filter(
    model,
    tabular.keys(RUNS),
    diffusion.root(RUNS, 8),
    diffusion.step_fn,
    max_steps=diffusion.LENGTH,
    potential=any_potential,
    ess_threshold=threshold,
    root_score=0.0,
  )


@pytest.mark.parametrize("name", POTENTIALS)
def test_steering_tilts_the_law_of_the_process(name):
  model, law = diffusion.denoiser({1: 1.0}), diffusion.joint(1)
  output = steer(model, POTENTIALS.index(name), 0.5)
  assert_target(output, law * np.exp(3 * REWARDS))


def test_without_a_reward_the_texts_follow_the_joint_law():
  """Whatever the order in which the places were filled."""
  model = diffusion.denoiser({1: 1.0})._replace(score=jnp.zeros(64))
  output = steer(model, 0, 0.5)
  found = np.asarray(diffusion.codes(output.embedding))[:, 0]
  frequency = (found[:, None] == CODES).mean(axis=0)
  law = diffusion.joint(1)
  bound = 4.5 * np.sqrt(law * (1 - law) / RUNS)
  assert (np.abs(frequency - law) < bound).all()
  np.testing.assert_array_equal(output.log_evidence, 0)


@functools.partial(tabular.jit, static_argnames=("target", "rows", "num"))
def correct(model, target, rows=8, num=RUNS):
  return particle.particle_filter(
    model,
    tabular.keys(num),
    diffusion.root(num, rows),
    diffusion.step_fn,
    max_steps=diffusion.LENGTH,
    potential=potentials.unit,
    target=target,
  )


@pytest.mark.parametrize(
  "powers",
  [{1: 2.5}, {1: 1.0, 2: 1.0}, {1: 2.0, 2: -1.0}],
  ids=["annealed", "product", "guided"],
)
def test_correctors_restore_the_target_of_bent_denoisers(powers):
  """Place by place the bent law is another one than of whole texts."""
  mass = np.prod(
    [diffusion.joint(seed) ** power for seed, power in powers.items()], axis=0
  )
  model = diffusion.denoiser(powers)
  assert_target(correct(model, "base"), mass)
  many = correct(model, "base", rows=64, num=1000)
  bent = correct(model, "sampler", rows=64, num=1000)
  error = lambda output: np.abs(law_of(output) - mass / mass.sum()).sum() / 2
  assert error(many) < 0.02
  assert error(bent) > 3 * error(many)


def test_a_chain_of_filters_keeps_a_text():
  """References are told and forked like any other rows."""
  law = diffusion.joint(1) * np.exp(8 * REWARDS)
  law /= law.sum()
  output = tabular.jit(
    lambda: gibbs.particle_gibbs(
      diffusion.denoiser({1: 1.0}),
      tabular.keys(RUNS),
      diffusion.root(RUNS, 3),
      diffusion.step_fn,
      max_steps=diffusion.LENGTH,
      potential=functools.partial(fk_steering.difference, strength=8.0),
      root_score=0.0,
      iterations=40,
      scheme="systematic",
    )
  )()
  assert np.abs(law_of(output) - law).sum() / 2 < 0.03
