"""How far apart two rewards are in what they ask for.

STARC (arXiv 2309.15257) compares rewards after taking out what no policy can
feel: potential shaping, redistribution over the next state and scale. EPIC
(arXiv 2006.13900) does so under laws of states and actions. Rewards are
tables [s, a, s'] of a finite process; one without a choice of its own (the
end of a solution) leads to itself.
"""

import numpy as np
from jaxtyping import Float

Reward = Float[np.ndarray, "s a s"]
Transition = Float[np.ndarray, "s a s"]
Policy = Float[np.ndarray, "s a"]


def value(
  reward: Reward, transition: Transition, policy: Policy, discount: float
) -> Float[np.ndarray, "s"]:
  """V of a policy: solves V = R_pi + discount * P_pi V.

  Args:
    reward: R(s, a, s').
    transition: P(s' | s, a).
    policy: pi(a | s).
    discount: below 1.
  """
  if not 0 <= discount < 1:
    raise ValueError(f"discount must be in [0, 1), got {discount}")
  moves = np.einsum("sa,sat->st", policy, transition)
  gains = np.einsum("sa,sat,sat->s", policy, transition, reward)
  return np.linalg.solve(np.eye(len(moves)) - discount * moves, gains)


def canonical(
  reward: Reward,
  transition: Transition,
  discount: float,
  policy: Policy | None = None,
) -> Float[np.ndarray, "s a"]:
  """The advantage of a fixed policy, uniform if None ("VAL").

  c(R)(s, a) = E_s'[R(s, a, s') + discount * V(s') - V(s)]
  """
  own = _uniform(reward) if policy is None else policy
  values = value(reward, transition, own, discount)
  gained = reward + discount * values - values[:, None, None]
  return np.einsum("sat,sat->sa", transition, gained)


def standard(canonical: Float[np.ndarray, "s a"]) -> Float[np.ndarray, "s a"]:
  """Of length 1; a reward that asks for nothing stays 0."""
  size = float(np.linalg.norm(canonical))
  # Rounding of a reward that is all shaping is no request.
  return np.zeros_like(canonical) if size < 1e-12 else canonical / size


def starc(
  left: Reward,
  right: Reward,
  transition: Transition,
  discount: float,
  policy: Policy | None = None,
) -> float:
  """L2 distance of the standard forms, from 0 to 2.

  0: the same order of policies; 2: the opposite one.
  """
  forms = [
    standard(canonical(reward, transition, discount, policy))
    for reward in (left, right)
  ]
  return float(np.linalg.norm(forms[0] - forms[1]))


def epic(
  left: Reward,
  right: Reward,
  discount: float,
  states: Float[np.ndarray, "s"] | None = None,
  actions: Float[np.ndarray, "a"] | None = None,
) -> float:
  """sqrt((1 - Pearson) / 2) of canonically shaped rewards, from 0 to 1.

    C(R)(s, a, s') = R + E[g R(s', A, S') - R(s, A, S') - g R(S, A, S')]

  The correlation is over s, a, s' drawn from the same laws. It is NaN for a
  reward that is all shaping.

  Args:
    left: R(s, a, s').
    right: likewise.
    discount: g.
    states: law of S, S', s and s'; uniform if None.
    actions: law of A and a; uniform if None.
  """
  num_states, num_actions, _ = left.shape
  law = np.full(num_states, 1 / num_states) if states is None else states
  acts = np.full(num_actions, 1 / num_actions) if actions is None else actions
  weights = np.einsum("s,a,t->sat", law, acts, law)
  shaped = []
  for reward in (left, right):
    leaving = np.einsum("sat,a,t->s", reward, acts, law)
    form = reward + discount * leaving - leaving[:, None, None]
    form = form - discount * (law @ leaving)
    shaped.append(form - np.sum(weights * form))
  product = np.sum(weights * shaped[0] * shaped[1])
  sizes = [np.sqrt(np.sum(weights * form**2)) for form in shaped]
  if min(sizes) < 1e-12:
    return float("nan")
  pearson = np.clip(product / (sizes[0] * sizes[1]), -1, 1)
  return float(np.sqrt((1 - pearson) / 2))


def _uniform(reward: Reward) -> Policy:
  return np.full(reward.shape[:2], 1 / reward.shape[1])
