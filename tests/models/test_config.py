"""Sizes, counts, logical axes and refusals."""

import flax.linen as nn
import jax
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.models import lm
from prm_jax.train import partition
from tests.models import tiny

VARIANTS = [
  {},
  {"tie_embeddings": False, "use_qkv_bias": True, "use_qk_norm": True},
  {"value_head": "scalar", "use_lm_head": False},
  {"value_head": "token", "use_lm_head": False},
  {"value_head": "step", "num_classes": 3},
]


@pytest.mark.parametrize(
  ("field", "changes"),
  [
    ("model.num_layers", {"num_layers": 0}),
    ("model.vocab_size", {"vocab_size": 0}),
    ("model.num_kv_heads", {"num_heads": 4, "num_kv_heads": 3}),
    ("model.head_dim", {"head_dim": 5}),
    ("model.dtype", {"dtype": "int8"}),
    ("model.value_head", {"value_head": "vector"}),
    ("model.value_link", {"value_link": "softplus"}),
    ("model.num_classes", {"value_head": "step", "num_classes": 1}),
    ("use_lm_head", {"use_lm_head": False}),
  ],
)
def test_bad_field_is_named(field, changes):
  with pytest.raises(errors.UserError, match=field):
    tiny.config(**changes)


@pytest.mark.parametrize("changes", VARIANTS)
def test_every_parameter_has_axes_that_the_mesh_rules_know(changes):
  boxed = tiny.boxed(lm.Model(tiny.config(**changes)))
  leaves = jax.tree_util.tree_flatten_with_path(
    boxed, is_leaf=lambda x: isinstance(x, nn.meta.AxisMetadata)
  )[0]
  mesh = jax.sharding.AbstractMesh((2, 2, 2), partition.MESH_AXES)
  for path, leaf in leaves:
    name = jax.tree_util.keystr(path)
    if not isinstance(leaf, nn.meta.AxisMetadata):
      assert leaf.shape == (), name  # a gain or a bias has nothing to split
      continue
    assert None not in leaf.names, name
    partition.spec_of(leaf.names, leaf.value.shape, mesh)


def num_params(model):
  sizes = jax.tree.map(lambda x: x.size, nn.unbox(tiny.boxed(model)))
  return sum(jax.tree.leaves(sizes))


def test_parameters_are_counted_by_hand():
  # A layer: q 16*24, k and v 16*12 each, out 24*16; three of 16*24 in the
  # feed-forward block; two norms of 16. Then table 11*16 and the last norm.
  layer = 16 * 24 * 2 + 16 * 12 * 2 + 3 * 16 * 24 + 2 * 16
  model = lm.Model(tiny.config())
  assert num_params(model) == 2 * layer + 11 * 16 + 16
  norms = 2 * 2 * 16 + 16
  trunk = model.config.transformer
  assert trunk.num_matmul_params == num_params(model) - norms


def test_biases_norms_and_heads_add_their_parameters():
  plain = num_params(lm.Model(tiny.config()))
  for changes, more in (
    ({"use_qkv_bias": True}, 2 * (24 + 12 + 12)),
    ({"use_qk_norm": True}, 2 * (6 + 6)),
    ({"tie_embeddings": False}, 16 * 11),
    ({"value_head": "scalar"}, 16 + 1),
    ({"value_head": "token"}, 16 + 1 + 1),
    ({"value_head": "step", "num_classes": 3}, 3 * (16 + 1)),
  ):
    assert num_params(lm.Model(tiny.config(**changes))) == plain + more


def test_flops_are_those_that_xla_counts():
  """Of a program without a loop, whose trips XLA does not multiply out."""
  config = tiny.config(vocab_size=64, num_layers=1, embed_dim=64, mlp_dim=128,
                       head_dim=16)  # fmt: skip
  model = lm.Model(config)
  length = 32
  tokens = tiny.whole(np.ones((1, length), np.int32))
  params = nn.unbox(tiny.boxed(model))
  run = jax.jit(lambda p, *x: lm.forward(model, p, *x).logits)
  cost = run.lower(params, *tokens).compile().cost_analysis()
  want = length * config.transformer.forward_flops(length)
  assert cost["flops"] == pytest.approx(want, rel=0.15)
