"""Checkpoints of a run (state and place in the data) and finished models."""

import contextlib
import json
import pathlib
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from prm_jax import errors, types
from prm_jax.checkpoint import disk, position, signature

SCHEMA = 1


def _tell(line: str) -> None:
  print(line, file=sys.stderr, flush=True)


class CheckpointStore:
  """The checkpoints of one run, written while training goes on.

  Args:
    directory: made when missing. A half-written checkpoint in it is removed.
    max_to_keep: newest checkpoints kept, at least 2: one to fall back to.
    tell: takes one line for the user.
  """

  def __init__(
    self,
    directory: str | pathlib.Path,
    *,
    max_to_keep: int = 2,
    tell: Callable[[str], None] = _tell,
  ):
    if max_to_keep < 2:
      raise errors.UserError(f"max_to_keep={max_to_keep}: must be at least 2")
    self.directory = pathlib.Path(directory).absolute()
    self._tell = tell
    self._saving: int | None = None  # the last step that was begun
    policy = ocp.checkpoint_managers.LatestN(max_to_keep)
    with disk.told_when_full(str(self.directory)):
      self._manager = ocp.CheckpointManager(
        self.directory,
        options=ocp.CheckpointManagerOptions(
          preservation_policy=policy, enable_async_checkpointing=True
        ),
      )

  def __enter__(self) -> "CheckpointStore":
    return self

  def __exit__(self, kind: object, *unused: object) -> None:
    if kind is None:
      self.close()
    else:  # what is being raised matters more
      with contextlib.suppress(Exception):
        self._manager.close()

  def steps(self) -> list[int]:
    """Steps that are on the disk, ascending."""
    return sorted(self._manager.all_steps())

  def _told(self) -> contextlib.AbstractContextManager[None]:
    return disk.told_when_full(
      f"{self.directory}: step {self._saving} not saved",
      "; earlier checkpoints are untouched",
    )

  def save(
    self, step: int, state: Any, data: position.Resumable | None = None
  ) -> None:
    """Copies the state and writes it in the background.

    The arrays may be donated as soon as this returns. A step that is there
    already is left as it is. A fault of the save before this one is raised
    here or by `wait`.

    Args:
      state: pytree of arrays, sharded or not.
      data: its `get_state()` is kept with the state.

    Raises:
      UserError: the disk is full. Earlier checkpoints are untouched.
    """
    self.wait()
    if step in self._manager.all_steps():
      return
    self._saving = step
    items = {
      "state": ocp.args.StandardSave(state),
      "leaves": ocp.args.JsonSave(
        {"schema": SCHEMA, "leaves": signature.leaves(state)}
      ),
    }
    if data is not None:
      items["data"] = position.Save(position.encode(data.get_state()))
    with self._told():
      disk.require_space(self.directory, signature.num_bytes(state))
      self._manager.save(step, args=ocp.args.Composite(**items))

  def wait(self) -> None:
    """Returns when everything is on the disk; raises what went wrong."""
    with self._told():
      self._manager.wait_until_finished()

  def close(self) -> None:
    """Waits, and lets go of the directory."""
    with self._told():
      self._manager.close()

  def restore(
    self, abstract_state: Any, data: position.Resumable | None = None
  ) -> tuple[int, Any] | None:
    """The newest checkpoint that can be read, or None where there is none.

    One that cannot be read is told in one line, moved to `unreadable/` beside
    the checkpoints, and the one before it is tried.

    Args:
      abstract_state: ShapeDtypeStructs with the shardings to restore into.
      data: `set_state` is called with what was kept.

    Returns:
      The step and the state.

    Raises:
      UserError: none of them can be read, or it is of another model.
    """
    broken: list[int] = []
    for step in reversed(self.steps()):
      try:
        found = self._restore_step(step, abstract_state, data)
      except signature.OtherModelError:
        raise
      except Exception as error:
        broken.append(step)
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        self._tell(
          f"{self.directory / str(step)}: checkpoint cannot be read "
          f"({reason[:120]}); falling back to the one before"
        )
        continue
      self._set_aside(broken)
      return step, found
    if broken:
      raise errors.UserError(
        f"{self.directory}: none of the checkpoints {sorted(broken)} can be "
        "read; move the directory away to start anew"
      )
    return None

  def _restore_step(
    self, step: int, abstract_state: Any, data: position.Resumable | None
  ) -> Any:
    where = str(self.directory / str(step))
    wanted = signature.leaves(abstract_state)
    kept = self._manager.restore(
      step, args=ocp.args.Composite(leaves=ocp.args.JsonRestore())
    )["leaves"]
    signature.check_same(kept["leaves"], wanted, where)
    items: dict[str, Any] = {"state": ocp.args.StandardRestore(abstract_state)}
    if data is not None:
      items["data"] = position.Restore()
    found = self._manager.restore(step, args=ocp.args.Composite(**items))
    if data is not None:
      data.set_state(position.decode(found["data"]))
    return found["state"]

  def _set_aside(self, steps: list[int]) -> None:
    if steps and jax.process_index() == 0:
      aside = self.directory.with_name(f"{self.directory.name}_unreadable")
      aside.mkdir(exist_ok=True)
      for step in steps:
        target = aside / str(step)
        shutil.rmtree(target, ignore_errors=True)
        (self.directory / str(step)).rename(target)
    if steps:
      self._manager.reload()


def save_model(
  directory: str | pathlib.Path,
  params: types.Params,
  model_config: Mapping[str, Any],
  tokenizer_file: str | pathlib.Path | None = None,
  extra: Mapping[str, Any] | None = None,
  files: Sequence[str | pathlib.Path] = (),
) -> None:
  """Writes a finished model as one folder, all of it or nothing.

  Every process of a cluster calls it, on a file system they share.

  `params/` (orbax), `model.json` and `tokenizer.json`. An older model in
  `directory` is replaced.

  Args:
    params: pytree of dicts with arrays at the leaves.
    model_config: JSON-able; enough to build the model again.
    tokenizer_file: copied.
    extra: JSON-able; kept in `model.json`.
    files: copied under their names, such as a public tokenizer's.

  Raises:
    UserError: the disk is full; an older model is still there.
  """
  path = pathlib.Path(directory).absolute()
  text = json.dumps(
    {"schema": SCHEMA, "model": dict(model_config), "extra": dict(extra or {})},
    indent=2,
  )
  is_primary = jax.process_index() == 0
  with (
    disk.told_when_full(f"{path}: model not saved"),
    disk.new_folder(path, is_primary) as draft,
  ):
    multihost_utils.sync_global_devices(f"{path} begun")
    disk.require_space(draft, signature.num_bytes(params))
    if is_primary:
      (draft / "model.json").write_text(text + "\n")
      if tokenizer_file is not None:
        shutil.copyfile(tokenizer_file, draft / "tokenizer.json")
      for file in files:
        shutil.copy(file, draft)
    with ocp.StandardCheckpointer() as checkpointer:
      checkpointer.save(draft / "params", params)
  multihost_utils.sync_global_devices(f"{path} done")


def load_model(
  directory: str | pathlib.Path, abstract_params: Any = None
) -> tuple[types.Params, dict[str, Any]]:
  """Reads what `save_model` wrote.

  Args:
    abstract_params: ShapeDtypeStructs with shardings to load into; default:
      numpy arrays on the host.

  Returns:
    The parameters, and `{"schema", "model", "extra"}`.

  Raises:
    UserError: no model there, or not one that can be read.
  """
  path = pathlib.Path(directory).absolute()
  try:
    config = json.loads((path / "model.json").read_text())
  except (OSError, ValueError) as error:
    raise errors.UserError(f"{path}: no model here ({error})") from error
  if not isinstance(config, dict) or config.get("schema") != SCHEMA:
    raise errors.UserError(f"{path}/model.json: schema must be {SCHEMA}")
  try:
    return _read_params(path / "params", abstract_params), config
  except errors.UserError:
    raise
  except Exception as error:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    raise errors.UserError(
      f"{path}/params: cannot be read ({reason[:200]})"
    ) from error


def _read_params(path: pathlib.Path, abstract: Any) -> types.Params:
  with ocp.PyTreeCheckpointer() as checkpointer:
    saved = checkpointer.metadata(path).item_metadata.tree
    if abstract is None:
      args = jax.tree.map(
        lambda _: ocp.RestoreArgs(restore_type=np.ndarray), saved
      )
      return checkpointer.restore(
        path, args=ocp.args.PyTreeRestore(restore_args=args)
      )
    signature.check_same(
      signature.leaves(saved), signature.leaves(abstract), str(path)
    )
    return checkpointer.restore(
      path,
      args=ocp.args.PyTreeRestore(
        item=abstract,
        restore_args=ocp.checkpoint_utils.construct_restore_args(abstract),
      ),
    )
