"""Nodes of trees share pages, enough of them, where nothing else is said."""

import pytest

from prm_jax.build.methods import particles, trees
from prm_jax.cli import samples as samples_lib
from prm_jax.cli import tree_pages
from prm_jax.reports import results
from prm_jax.solvers import solver

TREE = trees.MCTS(4, 3)


@pytest.mark.parametrize("cache", ["auto", "paged"])
def test_a_tree_gets_what_its_nodes_need(cache):
  config = solver.SolverConfig(cache=cache, page_tokens=4)
  found = tree_pages.add(config, TREE, max_steps=3, step_tokens=9)
  assert (found.cache, found.pages) == ("paged", TREE.num_pages(3, 9, 4))


def test_what_is_said_stays():
  config = solver.SolverConfig(pages=70)
  assert tree_pages.add(config, TREE, 3, 9).pages == 70
  copies = solver.SolverConfig(cache="contiguous")
  assert tree_pages.add(copies, TREE, 3, 9) is copies
  rows = solver.SolverConfig()
  assert tree_pages.add(rows, particles.ParticleFilter(4), 3, 9) is rows


def test_a_tree_search_finds_room(finished, tiny, tmp_path, prm):
  run = finished.workdir
  code, _, err = prm(
    "search", "--config", tiny("mcts"),
    "--policy", run / "policy" / "model", "--verifier", run / "tvm" / "model",
    "--workdir", tmp_path, "--config.search.num_simulations=6",
  )  # fmt: skip
  assert (code, err) == (0, [])
  (row,) = results.read(tmp_path / results.FILE).rows
  assert row.n == 6
  assert (tmp_path / samples_lib.FILE).is_file()
