"""Labels by any of K: chances, closure, consistency, balance."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.labelling import stepwise_orm
from prm_jax.tasks import chain
from tests.labelling import chains

Config = stepwise_orm.Config
PLAIN = Config(consistency=False, balanced=False)


def test_closure():
  assert stepwise_orm.close((0, 1, 0, None, 1, 0)) == (1, 1, 1, 1, 1, 0)
  assert stepwise_orm.close((0, None, 0)) == (0, None, 0)


def test_chances_on_the_chain():
  """P(1) = 1 - (1 - V)^K; closed, 1 - prod_{j >= i} (1 - V_j)^K."""
  k, num = 8, 20_000
  values = np.array([0.03, 0.1, 0.05])
  drawn = np.random.default_rng(0).binomial(k, values, (num, 3))
  hard = (drawn > 0).astype(int)
  raw = 1 - (1 - values) ** k
  closed = 1 - np.cumprod(((1 - values) ** k)[::-1])[::-1]
  made = np.array(
    [stepwise_orm.close(tuple(row)) for row in hard[:4000].tolist()]
  )
  for found, chance in ((hard, raw), (made, closed)):
    error = 4.5 * np.sqrt(chance * (1 - chance) / len(found))
    assert (abs(found.mean(0) - chance) <= error).all()
  assert (np.diff(made) <= 0).all()  # monotone


def test_it_is_nearer_to_what_can_be_reached():
  """A bad state is worth little, and is reached from: SORM calls it right."""
  bad, ok = chain.state_values(chains.TASK.config)[1]
  orm = ok - bad
  sorm = (1 - (1 - ok) ** 8) - (1 - (1 - bad) ** 8)
  assert bad < 0.5
  assert 1 - (1 - bad) ** 8 > 0.5
  assert sorm < orm / 2


def test_any_of_the_completions():
  label = chains.label([0, 2, 0, 1, 0], [8, 8, 8, 8, 1])
  found = stepwise_orm.relabel([label], PLAIN)
  assert found.labels[0].hard == (1, 1, 1, 1, 0)
  assert found.labels[0].n_correct == label.n_correct
  assert found.told["closed"] == 2
  open_ = Config(closure=False, consistency=False, balanced=False)
  (one,) = stepwise_orm.relabel([label], open_).labels
  assert one.hard == (0, 1, 0, 1, 0)


@pytest.mark.parametrize(
  ("prefix", "completion", "expected"),
  [
    (["3 + 4 = 7"], ["7 + 5 = 12", "= 12"], True),
    (["3 + 4 = 8"], ["3 + 4 + 5 = 12", "= 12"], False),  # starts afresh
    (["3 + 4 = 7", "7 + 5 = 12"], ["= 12"], True),  # 7 is used already
    (["3 + 4 = 7", "1 + 1 = 2"], ["2 + 2 = 4"], False),  # 7 never is
    (["3 + 4 = 7"], ["17 + 1 = 18"], False),  # 17 is not 7
    (["Let us begin."], [], True),
  ],
)
def test_results_have_to_be_used(prefix, completion, expected):
  assert stepwise_orm.uses_results(prefix, completion) == expected


def test_consistency_where_texts_are_known():
  steps = ("3 + 4 = 8", "8 + 5 = 3", "3 + 1 = 4", "= 4")
  afresh, goes_on = [["3 + 4 + 5 = 2", "= 2"]], [["3 + 1 = 4", "= 4"]]
  label = chains.label(
    [1, 1, 2, 1],
    [8, 8, 8, 1],
    steps=steps,
    extra={"verified": [afresh, goes_on, [], []]},
  )
  config = Config(closure=False, consistency=True, balanced=False)
  found = stepwise_orm.relabel([label], config)
  assert found.labels[0].hard == (0, 1, 1, 1)
  assert found.told == {"inconsistent": 1, "unchecked": 1, "closed": 0}
  usual = stepwise_orm.relabel([label], Config(balanced=False))
  assert usual.labels[0].hard == (1, 1, 1, 1)  # no command keeps the texts
  assert usual.told["unchecked"] == 0


def test_balance_per_length():
  labels = [
    chains.label([k, 1], [8, 8], problem_id=f"p{k}") for k in (0, 0, 3, 3, 3)
  ]
  found = stepwise_orm.relabel(labels, Config(closure=False))
  first = [one.hard[0] for one in found.labels]
  assert (first.count(0), first.count(1), first.count(None)) == (2, 2, 1)
  assert {one.hard[1] for one in found.labels} == {None}  # nothing is wrong
  assert found.told["groups_of_one_class"] == 1


@pytest.mark.parametrize("texts", ["x", [["x"]], [[], [], []], [[[1]], []]])
def test_malformed_texts(texts):
  label = chains.label([1, 1], [8, 8], extra={"verified": texts})
  with pytest.raises(errors.UserError, match=r"labels\[0\]\.extra\.verified"):
    stepwise_orm.relabel([label], Config(consistency=True))
