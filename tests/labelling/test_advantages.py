"""Advantages of provers: closed forms, telescoping, unbiased estimates."""

import numpy as np
import pytest
from scipy import stats

from prm_jax import errors
from prm_jax.labelling import advantages
from prm_jax.tasks import chain
from tests.labelling import chains

Config = advantages.Config
PLAIN = {"balanced": False, "until_pit": False}


def relabel(labels, prover=None, **options):
  found = advantages.relabel(labels, prover, Config(**(PLAIN | options)))
  return found.labels, found.told


def test_distinguishability_of_provers():
  """Two actions worth .02 and .04: variance of the advantage by K."""
  values = np.array([0.02, 0.04])
  expected = (1.0e-4, 1.33e-3, 1.03e-2, 1.01e-2)
  for num, variance in zip((1, 4, 16, 64), expected, strict=True):
    found = np.var(advantages.best_of(values, num))
    assert found == pytest.approx(variance, rel=5e-3)
  flat = advantages.best_of(np.array([0.0, 1.0]), 8)
  assert flat.tolist() == [0, 1]


def test_advantages_add_up_to_outcome_less_start():
  label = chains.label([6, 3, 5, 1], [8, 8, 8, 1], root=(4, 8))
  (found,), _ = relabel([label], [label])
  extra = found.extra
  assert sum(extra["advantage"]) == pytest.approx(1 - 0.5)
  np.testing.assert_allclose(extra["advantage"], [0.25, -0.375, 0.25, 0.375])
  np.testing.assert_allclose(extra["effective"], [0.875, 0.1875, 0.75, 1.1875])
  assert found.soft == (0.75, 0.375, 0.625, 1.0)
  assert found.n_correct == label.n_correct
  (scaled,), _ = relabel([label], [label], target="effective")
  np.testing.assert_allclose(
    np.array(scaled.soft) * 2 - 0.5, extra["effective"]
  )


def test_first_order_gain_of_a_step_on_the_chain():
  """d/dg V of pi exp(g (Q + alpha A)) is Var A^pi + alpha E A^pi A^mu."""
  config, alpha = chain.Config(), 0.5
  rates = np.array([config.recovery_rate, 1 - config.error_rate])
  law = np.stack([1 - rates, rates], axis=1)  # state -> next state
  last = np.array([1 / config.modulus, 1.0])

  def values(laws, end):
    found = [end]
    for own in laws[::-1]:
      found.insert(0, own @ found[0])
    return found

  laws = [law] * config.num_addends
  base = values(laws, last)
  prover = values([law**2 / (law**2).sum(1, keepdims=True)] * 4, last)
  gained, where, expected = [], np.array([0.0, 1.0]), 0.0
  for own, after, before, mu, mu_before in zip(
    laws, base[1:], base, prover[1:], prover, strict=False
  ):
    pi = after - before[:, None]
    other = mu - mu_before[:, None]
    expected += where @ (own * pi * (pi + alpha * other)).sum(1)
    own_q = np.broadcast_to(after, other.shape)
    gained.append(advantages.effective(own_q, other, alpha))
    where = where @ own

  def moved(step):
    tilted = [a * np.exp(step * b) for a, b in zip(laws, gained, strict=True)]
    return values([t / t.sum(1, keepdims=True) for t in tilted], last)[0][1]

  numeric = (moved(1e-5) - moved(-1e-5)) / 2e-5
  assert numeric == pytest.approx(expected, rel=1e-6)


def test_the_estimate_of_the_best_of_k_is_unbiased():
  """The mean over all counts, weighted by their chances."""
  num, value, k = 8, 0.3, 4
  exact = 1 - (1 - value) ** k
  labels = [
    chains.label([c, 1], [num, 1], problem_id=str(c)) for c in range(num + 1)
  ]
  chance = stats.binom.pmf(range(num + 1), num, value)
  means = {}
  for estimate in ("unbiased", "plug_in"):
    found, told = relabel(labels, best_of=k, estimate=estimate)
    means[estimate] = chance @ [one.soft[0] for one in found]
    assert {one.soft[1] for one in found} == {1.0}
    assert told["plugged_in"] == (0 if estimate == "unbiased" else 18)
  assert means["unbiased"] == pytest.approx(exact)
  assert means["plug_in"] < exact - 0.01
  _, told = relabel(labels, best_of=16)
  assert told["plugged_in"] == num + 1


def test_a_prover_of_its_own():
  label = chains.label([6, 3], [8, 8], root=(4, 8))
  strong = chains.label([8, 4], [8, 8], root=(8, 8))
  stranger = chains.label([1], [1], problem_id="q")
  (found,), told = relabel([label, stranger], [strong])
  assert told["unmatched"] == 1
  assert found.n_correct == (8, 4)
  assert found.soft == (1.0, 0.5)
  assert found.extra["advantage"] == [0.0, -0.5]
  assert found.extra["base"] == [0.75, 0.375]
  assert found.extra["completers"] == ["completer", "completer"]
  (base,), _ = relabel([label], [strong], target="base")
  assert base.soft == (0.75, 0.375)
  with pytest.raises(errors.UserError, match="other: labels none"):
    relabel([label], [stranger])


def test_nothing_is_known_of_the_first_advantage_without_a_root():
  label = chains.label([6, 3], [8, 8])
  (found,), _ = relabel([label], target="effective")
  assert found.extra["advantage"][0] is None
  assert found.soft[0] is None
  assert found.soft[1] is not None


def test_the_start_is_on_the_scale_of_the_labels():
  """2 of 8 before and behind the first step: it gains nothing."""
  label = chains.label([2, 4, 1], [8, 8, 1], root=(2, 8))
  (best,), _ = relabel([label], best_of=4)
  assert best.extra["start"] == best.soft[0] == pytest.approx(1 - 15 / 70)
  (base,), _ = relabel([label], target="base")
  assert base.extra["start"] == base.soft[0] == 0.25
  strong = chains.label([4, 4, 1], [8, 8, 1], root=(4, 8))
  (mixed,), _ = relabel([label], [strong], target="effective", alpha=0.5)
  assert mixed.extra["start"] == mixed.soft[0] == pytest.approx(0.75 / 2)
  (prover,), _ = relabel([label], [strong])
  assert prover.extra["start"] == prover.soft[0] == 0.5
  unjudged = chains.label([2, 1], [8, 1], root=(0, 0))
  (one,), _ = relabel([unjudged])
  assert one.extra["start"] is one.extra["advantage"][0] is None


def test_first_pit_and_balance():
  label = chains.label([6, 5, 0, 2, 1], [8, 8, 8, 8, 1], root=(4, 8))
  (cut,), told = relabel([label], [label], until_pit=True)
  assert cut.soft == (0.75, 0.625, 0.0, None, None)
  assert told["behind_pit"] == 2
  assert cut.n_correct == label.n_correct
  (even,), told = relabel([label], [label], until_pit=True, balanced=True)
  assert sum(v is not None for v in even.soft) == 2
  assert (told["positives"], told["positives_kept"]) == (2, 1)


@pytest.mark.parametrize(
  ("options", "told"),
  [({"best_of": 0}, r"method\.best_of"), ({"alpha": -1.0}, r"method\.alpha")],
)
def test_mistakes(options, told):
  with pytest.raises(errors.UserError, match=told):
    Config(**options)
