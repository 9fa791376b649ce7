"""Tree searches once more: objects and recursion, after the papers' code.

The children of a prefix are drawn by inverse CDF from `uniforms` [T, N], by
its length; the score is `tabular.prm`.
"""

import dataclasses
import math

import numpy as np

from tests.search import reference, tabular


@dataclasses.dataclass(eq=False)
class Node:
  prefix: tuple
  parent: "Node | None" = None
  children: list = dataclasses.field(default_factory=list)
  visits: int = 0
  value: float = 0.0
  reward: float = 0.0
  rewards: list = dataclasses.field(default_factory=list)

  @property
  def score(self):
    return tabular.prm(self.prefix) if self.prefix else 0.0

  @property
  def done(self):
    return tabular.done(self.prefix)

  @property
  def likelihood(self):
    return float(tabular.policy(self.prefix[:-1])[self.prefix[-1]])

  @property
  def closed(self):
    """It was visited and is at its end, or its children all are closed."""
    if self.done:
      return self.visits > 0
    return bool(self.children) and all(c.closed for c in self.children)

  def path(self):
    return [self] if self.parent is None else [*self.parent.path(), self]

  def walk(self):
    """All nodes below, in the order in which they were written."""
    return [self, *(n for c in self.children for n in c.walk())]


def expand(node, uniforms):
  rows = uniforms[len(node.prefix)]
  prefixes = [reference.extend(node.prefix, u) for u in rows]
  node.children = [Node(p, node) for p in prefixes]


def argmax(nodes, key):
  return max(nodes, key=key)  # the first of equals


def alpha_math(uniforms, simulations, c_puct, root_score):
  root = Node((), visits=1, value=root_score)

  def rule(node):
    q = node.value if node.visits else 0
    prior = node.likelihood
    explore = math.sqrt(node.parent.visits) / (1 + node.visits)
    return q + c_puct * prior * explore

  for _ in range(simulations):
    if root.closed:
      break
    node = root
    while node is root or node.visits:
      if not node.children:
        expand(node, uniforms)
      node = argmax([c for c in node.children if not c.closed], rule)
    leaf = node
    for node in leaf.path():
      node.visits += 1
      node.value += (leaf.score - node.value) / node.visits
  return root


def rest(uniforms, simulations, c, weight, steps, gate):
  """Returns the root and the node that passed the gate, or None."""
  root = Node(())

  def bound(node):
    if not node.visits:
      return node.score + 1
    explore = 2 * math.log(node.parent.visits) / node.visits
    return node.value + c * math.sqrt(explore)

  for _ in range(simulations):
    node = root
    while node.children:
      node = argmax(node.children, bound)
    worth = node.value if node.visits else node.score
    if node is not root and worth >= gate:
      return root, node
    if node.done:
      node.value = node.score
    else:
      expand(node, uniforms)
      best = argmax(node.children, lambda child: child.score)
      prefix, seen = best.prefix, []
      for _ in range(steps):
        if tabular.done(prefix):
          break
        drawn = uniforms[len(prefix)][0]
        prefix = reference.extend(prefix, drawn)
        seen.append(tabular.prm(prefix))
      best.value = best.score
      if seen:
        best.value = (1 - weight) * best.score + weight * max(seen)
      best.visits += 1
    while node is not None:
      node.visits += 1
      if node.children:
        total = sum(child.visits for child in node.children)
        weighted = sum(c.value * c.visits for c in node.children)
        node.value = weighted / total
      node = node.parent
  return root, None


def rap(uniforms, simulations, weight, alpha, unknown):
  root = Node(())

  def fast(node):
    return node.score**alpha * unknown ** (1 - alpha)

  def uct(node):
    q = max(node.rewards) if node.rewards else fast(node)
    count = len(node.parent.rewards)
    return q + weight * math.sqrt(math.log(count) / max(1, len(node.rewards)))

  for _ in range(simulations):
    path = [root]
    while path[-1].children:
      path.append(argmax(path[-1].children, uct))
    while not path[-1].done:
      expand(path[-1], uniforms)
      path.append(argmax(path[-1].children, fast))
    rewards = []
    for node in reversed(path):
      reward = 0.0
      if node is not root:
        confidence = node.likelihood ** (1 - alpha)
        reward = node.score**alpha * confidence
      node.reward = reward
      rewards.append(reward)
      node.rewards.append(float(np.mean(rewards)))
  for node in root.walk():
    node.visits = len(node.rewards)
    node.value = max(node.rewards) if node.rewards else 0.0
  return root


def rap_vote(root, policy):
  """What each answer, the sum of the tokens modulo 3, collects."""
  totals: dict = {}

  def add(answer, amount):
    totals[answer] = totals.get(answer, 0) + amount

  def visit(node, depth):
    if not node.rewards:
      return []
    if node.done:
      answer = sum(node.prefix) % 3
      amount = {
        "edge": node.reward,
        "edge_inverse_depth": node.reward / depth,
        "uniform": 1.0,
      }[policy]
      add(answer, amount)
      return [(answer, depth)]
    found = [x for child in node.children for x in visit(child, depth + 1)]
    for answer in {a for a, _ in found} if depth else ():
      deep = np.mean([d for a, d in found if a == answer])
      if policy == "edge":
        add(answer, node.reward)
      if policy == "edge_inverse_depth":
        add(answer, node.reward / deep)
    return found

  visit(root, 0)
  return totals


def mcts_dpo(uniforms, simulations, moves, weight, root_score):
  """Returns the root and the nodes committed to."""
  root = Node(())
  base = lambda node: node.score if node.prefix else root_score
  gain = lambda node: node.score - base(node.parent)

  def value(node):
    """V: the mean of Q over the children, each counted at least once."""
    if not node.children:
      return 0.0
    weights = [max(1, child.visits) for child in node.children]
    q = [quality(child) for child in node.children]
    return float(np.average(q, weights=weights))

  def quality(node):
    return gain(node) + (value(node) if node.visits else 0.0)

  def rule(node):
    explore = math.sqrt(node.parent.visits) / (1 + node.visits)
    return quality(node) + weight * node.likelihood * explore

  origin, committed = root, []
  for _ in range(moves):
    for _ in range(simulations):
      node = origin
      while node is root or (node.visits and not node.done):
        if not node.children:
          expand(node, uniforms)
        node = argmax(node.children, rule)
      for above in node.path():
        above.visits += 1
    if origin.children:
      most = max(child.visits for child in origin.children)
      ties = [c for c in origin.children if c.visits == most]
      origin = argmax(ties, quality)
    committed.append(origin)
    if origin.done:
      break
  for node in root.walk():
    node.value = value(node)
    node.reward = gain(node) if node.prefix else 0.0
  return root, committed


def best_first(uniforms, rounds, perspectives):
  """Perspectives rank nodes; the rows are dealt out to them in blocks."""
  root = Node(())
  size = uniforms.shape[1] // len(perspectives)
  for _ in range(rounds):
    ends = [n for n in root.walk() if not n.children and not n.done]
    chosen = []
    for perspective in perspectives:
      left = [n for n in ends if n not in chosen]
      chosen.append(argmax(left, perspective) if left else None)
    for block, node in enumerate(chosen):
      if node is not None:
        rows = uniforms[:, block * size : (block + 1) * size]
        expand(node, rows)
  return root
