"""One program: same tokens for every method, batch, place and device."""

import functools
import json
import subprocess
import sys

import jax
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.build.methods import beams, sampling
from prm_jax.build.methods import particles as particles_lib
from prm_jax.solvers import prompts, solver
from tests.solvers import tiny_solver

ONE_ROW = {
  "best_of_n": sampling.BestOfN(1),
  "step_beam": beams.StepBeam(1, width=1),
  "particle": particles_lib.ParticleFilter(1, resample="always"),
}


@functools.cache
def solved(name: str) -> solver.Solved:
  if name in ONE_ROW:
    own = tiny_solver.solve_with(ONE_ROW[name])
  elif name == "four":
    own = tiny_solver.verified(sampling.BestOfN(4))
  elif name == "oracle":
    own = tiny_solver.with_oracle(tiny_solver.PARTICLES)
  else:
    own = particles()
  return own.solve(tiny_solver.problems())


@functools.cache
def particles() -> solver.Solver:
  return tiny_solver.verified(tiny_solver.PARTICLES)


def assert_same(got: solver.Solved, want: solver.Solved, order=slice(None)):
  np.testing.assert_array_equal(got.tokens, want.tokens[order])
  np.testing.assert_array_equal(got.chosen, want.chosen[order])
  np.testing.assert_allclose(
    got.step_scores, want.step_scores[order], atol=1e-5
  )
  np.testing.assert_allclose(
    got.log_evidence, want.log_evidence[order], atol=1e-4
  )
  for mine, other in zip(got.cost, want.cost, strict=True):
    np.testing.assert_array_equal(mine, other[order])


@pytest.mark.parametrize("name", ["step_beam", "particle"])
def test_one_row_of_any_method_is_plain_sampling(name):
  plain, other = solved("best_of_n"), solved(name)
  np.testing.assert_array_equal(other.tokens, plain.tokens)
  np.testing.assert_array_equal(other.length, plain.length)
  np.testing.assert_array_equal(
    other.cost.policy_tokens, plain.length.sum(axis=1)
  )
  assert plain.done.any()
  assert len(np.unique(plain.num_steps)) > 1


def test_the_first_row_of_many_is_the_only_row_of_one():
  plain, four = solved("best_of_n"), solved("four")
  np.testing.assert_array_equal(four.tokens[:, :1], plain.tokens)
  assert np.any(four.tokens[:, 1:] != plain.tokens)


def test_alone_and_in_a_batch_a_problem_has_the_same_rows():
  alone = tiny_solver.verified(tiny_solver.PARTICLES, batch_size=1)
  for index in (0, 3, 10):  # 10 is in the batch that is filled up
    problem = tiny_solver.problems()[index]
    assert_same(
      alone.solve([problem]), solved("particles"), slice(index, index + 1)
    )


def test_slots_count_those_who_wait():
  """Alone a problem never waits; in a batch the slowest sets the pace."""
  alone = tiny_solver.verified(tiny_solver.PARTICLES, batch_size=1)
  one = alone.solve(tiny_solver.problems()[:1])
  assert one.slots == one.cost.slots.sum()
  many = solved("particles")
  assert many.slots > many.cost.slots.sum()
  assert 0 < solver.utilisation(many) < 1


def test_the_place_in_the_batch_does_not_matter():
  order = [4, 9, 0, 10, 1, 7, 3]
  some = [tiny_solver.problems()[i] for i in order]
  got = particles().solve(some)
  assert_same(got, solved("particles"), order)
  assert list(got.problems) == some


@pytest.mark.parametrize("barrier", [0.0, 0.5])
def test_problems_need_not_wait_for_each_other(barrier):
  """Each goes on when its own rows are ready, and finds the same."""
  alone = tiny_solver.verified(tiny_solver.PARTICLES, barrier=barrier)
  assert_same(alone.solve(tiny_solver.problems()), solved("particles"))


@pytest.mark.parametrize(
  ("slots", "barrier", "sizes"),
  [(3, 1.0, {}), (2, 0.0, {}), (2, 0.0, tiny_solver.PAGES), (8, 1.0, {})],
)
def test_problems_that_wait_for_slots(slots, barrier, sizes):
  queued = tiny_solver.verified(
    tiny_solver.PARTICLES, slots=slots, barrier=barrier, sizes=sizes
  )
  every = queued.solve(tiny_solver.problems())
  assert_same(every, solved("particles"))
  assert solver.utilisation(every) > 0
  # What fills the batch up is not searched.
  one = queued.solve(tiny_solver.problems()[:1])
  assert_same(one, solved("particles"), slice(0, 1))
  assert one.slots == slots * one.cost.slots.sum()


def test_one_compilation_for_all_batches():
  traced, told = [], []
  own = tiny_solver.solve_with(
    ONE_ROW["best_of_n"], on_trace=lambda: traced.append(1)
  )
  first = own.solve(tiny_solver.problems(), told.append)
  again = own.solve(tiny_solver.problems()[:3])  # nothing was given away
  assert len(traced) == 1
  assert told == [8, 11]
  assert own.compile_s > 0
  assert_same(again, first, slice(0, 3))
  for leaf in jax.tree.leaves(tiny_solver.make()[1]):
    assert not leaf.is_deleted()


def test_another_seed_samples_other_rows():
  other = tiny_solver.solve_with(ONE_ROW["best_of_n"], seed=1)
  got = other.solve(tiny_solver.problems()[:8])
  assert np.any(got.tokens != solved("best_of_n").tokens[:8])


@pytest.fixture(scope="module")
def eight(project_root, eight_devices):
  """What a process with eight devices found."""
  done = subprocess.run(
    [sys.executable, "-m", "tests.solvers.tiny_solver"],
    cwd=project_root,
    env=eight_devices,
    capture_output=True,
    text=True,
    check=False,
    timeout=300,
  )
  assert done.returncode == 0, done.stderr
  return json.loads(done.stdout.splitlines()[-1])


def test_eight_devices_find_what_one_finds(eight):
  assert eight["devices"] == 8
  pairs = {"model": "particles", "oracle": "oracle", "paged": "particles"}
  for theirs, mine in pairs.items():
    got, want = eight[theirs], tiny_solver.found(solved(mine))
    np.testing.assert_allclose(got.pop("scores"), want.pop("scores"), atol=1e-5)
    assert got == want


def test_rows_that_share_pages_are_the_same():
  own = tiny_solver.verified(tiny_solver.PARTICLES, sizes=tiny_solver.PAGES)
  assert_same(own.solve(tiny_solver.problems()), solved("particles"))


def test_too_few_pages_are_an_error():
  sizes = {**tiny_solver.PAGES, "pages": 7}
  own = tiny_solver.verified(tiny_solver.PARTICLES, sizes=sizes)
  problem = tiny_solver.problems()[0].id
  with pytest.raises(errors.UserError, match=f"solver.pages: .*{problem}"):
    own.solve(tiny_solver.problems())


def test_problems_are_numbered_by_their_id_alone():
  # The check value of CRC-32.
  assert prompts.number("123456789") == 0xCBF43926


def test_bad_input_is_told():
  with pytest.raises(errors.UserError, match="problems: there are none"):
    particles().solve([])
  with pytest.raises(errors.UserError, match=r"solver\.max_tokens"):
    solver.SolverConfig(max_tokens=0)
  with pytest.raises(errors.UserError, match=r"solver\.pages"):
    solver.SolverConfig(pages=-1)
  with pytest.raises(
    errors.UserError, match=r"prompt of 5 tokens, solver\.prompt_tokens is 4"
  ):
    prompts.encode(tiny_solver.tokenizer(), tiny_solver.problems(), 4)
