"""Pages: the same texts as rows that lie by themselves, and who owns what."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.models import cache, paged
from tests.models import test_cache, tiny
from tests.models.test_cache import CHUNK, PROBLEMS, ROWS, SLOTS

take = tiny.jit(lambda rows, parents: rows.take(parents))
load = tiny.jit(lambda store, nodes: store.load(nodes))
put = tiny.jit(lambda store, rows, places: store.put(rows, places))


class Session(test_cache.Session):
  """Pages beside the texts they should stand for."""

  def __init__(self, seed, layout, name="grouped", rows=ROWS):
    super().__init__(name, seed)
    self.rows = layout.empty_rows(
      self.model.config.transformer, PROBLEMS, rows, SLOTS
    )

  def fork(self, parents=None):
    if parents is None:
      parents = self.rng.integers(0, ROWS, (PROBLEMS, ROWS))
    self.rows = take(self.rows, jnp.asarray(parents, jnp.int32))
    self.texts = [
      [self.texts[b][parent] for parent in parents[b]] for b in range(PROBLEMS)
    ]

  def assert_written(self, count, logits, problems=range(PROBLEMS)):
    """The logits of the tokens just written are an uncached forward's."""
    want = self.uncached()
    for b in problems:
      for n in range(ROWS):
        new, end = count[b, n], len(self.texts[b][n])
        assert self.rows.length[b, n] == end - self.start[b]
        np.testing.assert_allclose(
          logits[b, n, :new], want[b, n, end - new : end], atol=1e-5
        )


def check(rows: paged.PagedRows):
  """Who names which page, and who may write to it."""
  rows = jax.tree.map(np.asarray, rows)
  num_pages, page = rows.refs.shape[1], rows.layers[0].key.shape[3]
  for b in range(len(rows.table)):
    named = collections.Counter()
    for table, length in zip(rows.table[b], rows.length[b], strict=True):
      own = table[: -(-length // page)]
      assert np.all(own < num_pages)
      assert np.all(table[len(own) :] == num_pages)
      named.update(own.tolist())
    for table, length in zip(rows.table[b], rows.length[b], strict=True):
      if length % page:  # else the next token goes to a new page
        assert named[table[length // page]] == 1
    refs = rows.refs[b] - rows.held[b]
    np.testing.assert_array_equal(refs, [named[i] for i in range(num_pages)])
    assert np.count_nonzero(rows.refs[b]) <= num_pages
  assert not rows.overflow.any()


def live(rows) -> list[int]:
  """Pages in use, of each problem."""
  return np.count_nonzero(rows.refs, axis=1).tolist()


@pytest.mark.parametrize("name", ["grouped", "bias, norm, untied"])
@pytest.mark.parametrize("page", [1, 2, 4, 16])
def test_pages_are_what_an_uncached_forward_says(name, page):
  session = Session(page, paged.Paged(page), name)
  for _ in range(6):
    session.assert_written(*session.write())
    check(session.rows)
    session.fork()
    check(session.rows)


def test_a_fork_shares_full_pages_and_frees_those_of_the_dead():
  session = Session(0, paged.Paged(page=2))
  tokens = jnp.ones((PROBLEMS, ROWS, CHUNK), jnp.int32)
  write = lambda rows, count: session.extend(
    session.params,
    tokens,
    jnp.broadcast_to(jnp.asarray(count, jnp.int32), (PROBLEMS, ROWS)),
    session.prompt,
    rows,
  )[1]
  rows = write(write(session.rows, [3, 2, 0]), [4, 0, 0])
  assert live(rows) == [5] * PROBLEMS  # 7 tokens and 2
  rows = take(rows, jnp.array([[0, 0, 0], [1, 1, 0]]))
  check(rows)
  assert live(rows) == [3 + 3, 1 + 4]
  rows = take(rows, jnp.array([[1, 1, 1], [0, 1, 1]]))
  check(rows)
  assert live(rows) == [3 + 3, 1]
  wider = take(rows, jnp.zeros((PROBLEMS, 5), jnp.int32))
  check(wider)
  assert live(wider) == [3 + 5, 1]


def test_what_a_row_writes_is_not_seen_by_its_siblings():
  session = Session(1, paged.Paged(page=4))
  session.write()
  session.fork(np.zeros((PROBLEMS, ROWS), int))
  before = read(session.rows)
  tokens = session.rng.integers(1, tiny.VOCAB, (PROBLEMS, ROWS, CHUNK))
  alone = jnp.zeros((PROBLEMS, ROWS), jnp.int32).at[:, 1].set(CHUNK)
  for _ in range(2):
    _, session.rows = session.extend(
      session.params,
      jnp.asarray(tokens),
      alone,
      session.prompt,
      session.rows,
    )
  after = read(session.rows)
  for (b, n), text in before.items():
    np.testing.assert_array_equal(after[b, n][: len(text)], text)
    assert len(after[b, n]) == len(text) + (n == 1) * 2 * CHUNK


def read(rows) -> dict[tuple[int, int], np.ndarray]:
  """The first layer's keys of each row, [length, kv_heads, h]."""
  rows = jax.tree.map(np.asarray, rows)
  page = rows.layers[0].key.shape[3]
  return {
    (b, n): np.array([
      rows.layers[0].key[b, rows.table[b, n, i // page], :, i % page]
      for i in range(rows.length[b, n])
    ])
    for b, n in np.ndindex(rows.length.shape)
  }  # fmt: skip


@pytest.mark.parametrize("page", [2, 3])
def test_a_store_holds_the_texts_of_its_nodes(page):
  """Nodes are loaded, written to, forked and put back at random."""
  num_nodes = 7
  pages = 40
  session = Session(5, paged.Paged(page, pages))
  root = session.rows
  store = load(root, jnp.zeros((PROBLEMS, num_nodes), jnp.int32))
  texts = [[text[0]] * num_nodes for text in session.texts]
  shared = 0
  for turn in range(12):
    nodes = session.rng.integers(0, num_nodes, (PROBLEMS, ROWS))
    session.rows = load(store, jnp.asarray(nodes, jnp.int32))
    session.texts = [[texts[b][i] for i in nodes[b]] for b in range(PROBLEMS)]
    check(session.rows)
    for _ in range(1 + turn % 2):
      session.assert_written(*session.write())
      check(session.rows)
      if turn % 3 == 0:
        session.fork()
        check(session.rows)
    places = np.array([
      session.rng.permutation(num_nodes + 1)[:ROWS] for _ in range(PROBLEMS)
    ])  # fmt: skip
    store = put(store, session.rows, jnp.asarray(places, jnp.int32))
    for b, n in np.ndindex(places.shape):
      if places[b, n] < num_nodes:
        texts[b][places[b, n]] = session.texts[b][n]
    check(store)
    assert not np.any(store.held)
    length = [[len(x) for x in text] for text in texts]
    np.testing.assert_array_equal(
      store.length, np.array(length) - session.start[:, None]
    )
    copied = np.sum(-(-np.asarray(store.length) // page), axis=1)
    shared += np.sum(copied - live(store))
  assert shared > 10


def test_rows_of_a_store_that_moved_on_are_told():
  session = Session(2, paged.Paged(page=2, pages=40))
  store = load(session.rows, jnp.zeros((PROBLEMS, 5), jnp.int32))
  first = load(store, jnp.zeros((PROBLEMS, ROWS), jnp.int32))
  second = load(store, jnp.zeros((PROBLEMS, ROWS), jnp.int32))
  places = jnp.broadcast_to(jnp.arange(ROWS), (PROBLEMS, ROWS))
  store = put(store, first, places)
  assert not np.any(store.overflow)
  assert np.all(put(store, second, places).overflow)


def test_a_pool_that_runs_out_is_told():
  """Of that problem alone, and for good."""
  session = Session(3, paged.Paged(page=2, pages=6))
  tokens = jnp.ones((PROBLEMS, ROWS, CHUNK), jnp.int32)
  count = jnp.array([[4, 4, 4], [4, 4, 3]], jnp.int32)
  extend = lambda count: session.extend(
    session.params, tokens, count, session.prompt, session.rows
  )
  _, session.rows = extend(count)
  check(session.rows)
  one = jnp.zeros((PROBLEMS, ROWS), jnp.int32).at[0, 1].set(1)
  _, session.rows = extend(one)
  np.testing.assert_array_equal(session.rows.overflow, [True, False])
  session.rows = take(session.rows, jnp.zeros((PROBLEMS, ROWS), jnp.int32))
  np.testing.assert_array_equal(session.rows.overflow, [True, False])


def test_a_problem_that_is_over_gives_its_pages_back():
  session = Session(3, paged.Paged(page=2))
  session.write()
  over = jnp.array([True, False])
  rows = tiny.jit(lambda rows: rows.clear(over))(session.rows)
  check(rows)
  assert live(rows) == [0, live(session.rows)[1]]
  np.testing.assert_array_equal(rows.length[0], 0)
  np.testing.assert_array_equal(rows.length[1], session.rows.length[1])


def test_a_fork_that_finds_no_page_is_told():
  session = Session(3, paged.Paged(page=4, pages=2))
  tokens = jnp.ones((PROBLEMS, ROWS, CHUNK), jnp.int32)
  count = jnp.array([[3, 0, 0], [4, 0, 0]], jnp.int32)
  _, rows = session.extend(
    session.params, tokens, count, session.prompt, session.rows
  )
  rows = take(rows, jnp.zeros((PROBLEMS, ROWS), jnp.int32))
  np.testing.assert_array_equal(rows.overflow, [True, False])


def test_a_row_that_writes_nothing_is_untouched():
  session = Session(4, paged.Paged(page=4))
  session.write()
  before = read(session.rows), session.rows
  tokens = jnp.ones((PROBLEMS, ROWS, CHUNK), jnp.int32)
  num_new = jnp.zeros((PROBLEMS, ROWS), jnp.int32).at[1, 2].set(1)
  _, after = session.extend(
    session.params, tokens, num_new, session.prompt, before[1]
  )
  np.testing.assert_array_equal(before[1].table[0], after.table[0])
  np.testing.assert_array_equal(before[1].refs[0], after.refs[0])
  now = read(after)
  for (b, n), text in before[0].items():
    assert len(now[b, n]) == len(text) + ((b, n) == (1, 2))
    np.testing.assert_array_equal(now[b, n][: len(text)], text)


def test_a_kernel_reads_instead():
  seen = []

  def kernel(layer, query, new, window):
    seen.append((layer.pages.key.shape, new.key.shape, window))
    return paged.gather_pages(layer, query, new, window)

  plain = Session(6, paged.Paged(page=4))
  other = Session(6, paged.Paged(page=4, read_fn=kernel))
  np.testing.assert_array_equal(plain.write()[1], other.write()[1])
  layers = plain.model.config.transformer.num_layers
  assert len(seen) == layers
  assert isinstance(other.rows, cache.Rows)
  assert isinstance(paged.Paged(), cache.Layout)
