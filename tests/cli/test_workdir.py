"""Whose a work directory is, and who holds it."""

import json
import os
import signal
import subprocess
import sys

import pytest

from prm_jax import errors
from prm_jax.cli import workdir

RECORD = {
  "command": "train",
  "config": {"steps": 10, "sizes": (1, 2), "model": {"width": 8}, "extra": {}},
  "flags": {"policy": None},
}


def changed(**config):
  return RECORD | {"config": RECORD["config"] | config}


def snapshot(path):
  """Name, content and time of change of every file but the lock."""
  return {
    p.name: (p.read_bytes(), p.stat().st_mtime_ns)
    for p in path.iterdir()
    if p.name != workdir.LOCK
  }


def test_first_use_writes_the_record_and_reuse_touches_nothing(tmp_path):
  path = tmp_path / "deep" / "run"
  with workdir.claim(path, RECORD) as held:
    assert held == path
  assert json.loads((path / "config.json").read_text()) == json.loads(
    json.dumps(RECORD)
  )
  before = snapshot(path)
  with workdir.claim(str(path), RECORD):
    pass
  assert snapshot(path) == before
  assert set(before) == {"config.json"}  # no temporary file stays


@pytest.mark.parametrize(
  ("record", "parts"),
  [
    (changed(steps=11), ["config.steps is 10", "11 now"]),
    (changed(model={"width": 9}), ["config.model.width is 8", "9 now"]),
    (changed(sizes=(1, 3)), ["config.sizes is [1, 2]", "[1, 3] now"]),
    (changed(new=True), ["config.new is absent", "true now"]),
    (changed(model={}), ["config.model is absent", "{} now"]),
    (RECORD | {"command": "search"}, ['command is "train"', '"search" now']),
    (
      RECORD | {"flags": {"policy": "p"}},
      ["flags.policy is null", '"p" now'],
    ),
    (changed(steps=11.0, sizes=()), ["config.steps is 10", "11.0 now"]),
  ],
)
def test_another_record_is_turned_away(tmp_path, record, parts):
  with workdir.claim(tmp_path, RECORD):
    (tmp_path / "state").write_text("precious")
  before = snapshot(tmp_path)
  with pytest.raises(errors.UserError) as caught:  # noqa: SIM117
    with workdir.claim(tmp_path, record):
      pytest.fail("entered")
  told = str(caught.value)
  assert str(tmp_path) in told
  assert all(part in told for part in parts), told
  assert snapshot(tmp_path) == before


def test_a_field_that_went_is_a_difference(tmp_path):
  with workdir.claim(tmp_path, changed(old=1)):
    pass
  with (
    pytest.raises(errors.UserError, match=r"config\.old is 1 .* absent now"),
    workdir.claim(tmp_path, RECORD),
  ):
    pytest.fail("entered")


def test_volatile_fields_may_change_and_are_written(tmp_path):
  volatile = ("config.steps", "config.model")
  longer = changed(steps=20, model={"width": 9, "depth": 1})
  with workdir.claim(tmp_path, RECORD):
    pass
  with workdir.claim(tmp_path, longer, volatile=volatile):
    pass
  written = json.loads((tmp_path / "config.json").read_text())
  assert written["config"]["steps"] == 20
  assert written["config"]["model"] == {"width": 9, "depth": 1}
  # A prefix of a name is not a group.
  with (
    pytest.raises(errors.UserError, match=r"config\.steps"),
    workdir.claim(tmp_path, RECORD, volatile=("config.step", "config.model")),
  ):
    pytest.fail("entered")


def test_a_value_json_cannot_hold_is_named(tmp_path):
  with (
    pytest.raises(errors.UserError, match=r"config\.fn: .*not JSON"),
    workdir.claim(tmp_path / "w", changed(fn=int)),
  ):
    pytest.fail("entered")
  assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("text", ["{", "", '{"command"'])
def test_a_broken_record_is_told_and_kept(tmp_path, text):
  (tmp_path / "config.json").write_text(text)
  with (
    pytest.raises(errors.UserError, match=r"config\.json is not valid JSON"),
    workdir.claim(tmp_path, RECORD),
  ):
    pytest.fail("entered")
  assert (tmp_path / "config.json").read_text() == text


def test_a_record_of_another_shape_is_a_difference(tmp_path):
  (tmp_path / "config.json").write_text("[1, 2]")
  with (
    pytest.raises(errors.UserError, match="belongs to another run"),
    workdir.claim(tmp_path, RECORD),
  ):
    pytest.fail("entered")


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_file_in_place_of_the_directory(tmp_path, name):
  (tmp_path / "file").write_text("mine")
  with (
    pytest.raises(errors.UserError, match="is not a directory"),
    workdir.hold(tmp_path / name),
  ):
    pytest.fail("entered")
  assert (tmp_path / "file").read_text() == "mine"


def test_a_directory_that_cannot_be_written(tmp_path, monkeypatch):
  real = os.open

  def deny(path, flags, *args, **kwargs):  # root may write anywhere
    if str(path).startswith(str(tmp_path)):
      raise PermissionError(13, "Permission denied", str(path))
    return real(path, flags, *args, **kwargs)

  monkeypatch.setattr(workdir.os, "open", deny)
  with (
    pytest.raises(errors.UserError, match=r"cannot be written: Permission"),
    workdir.hold(tmp_path),
  ):
    pytest.fail("entered")


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
  with workdir.claim(tmp_path, RECORD):
    pass
  before = snapshot(tmp_path)

  def full(_):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(workdir.os, "fsync", full)
  with (
    pytest.raises(errors.UserError, match="No space left on device"),
    workdir.claim(tmp_path, changed(steps=11), volatile=("config.steps",)),
  ):
    pytest.fail("entered")
  assert snapshot(tmp_path) == before


def test_one_process_holds_it_once(tmp_path):
  with workdir.hold(tmp_path):
    with (
      pytest.raises(errors.UserError, match="in use by this process"),
      workdir.claim(tmp_path / "." / "", RECORD),
    ):
      pytest.fail("entered")
    with workdir.claim(tmp_path / "stage", RECORD):  # a part of its own
      pass
  with pytest.raises(RuntimeError), workdir.hold(tmp_path):
    raise RuntimeError
  with workdir.hold(tmp_path):
    pass


HOLDER = """
import os, sys, time
from prm_jax.cli import workdir
with workdir.hold(sys.argv[1]):
  child = os.fork()  # like a data worker that outlives its parent
  if child == 0:
    time.sleep(60)
    os._exit(0)
  print(child, flush=True)
  time.sleep(60)
"""


def test_the_lock_keeps_others_out_and_dies_with_its_process(
  tmp_path, project_root
):
  holder = subprocess.Popen(
    [sys.executable, "-c", HOLDER, str(tmp_path)],
    cwd=project_root,
    stdout=subprocess.PIPE,
    text=True,
  )
  child = None
  try:
    child = int(holder.stdout.readline())
    with (
      pytest.raises(errors.UserError, match=rf"\(process {holder.pid}\)"),
      workdir.claim(tmp_path, RECORD),
    ):
      pytest.fail("entered")
    assert not (tmp_path / "config.json").exists()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    os.kill(child, 0)  # the forked worker still lives
    with workdir.claim(tmp_path, RECORD):
      pass
  finally:
    holder.kill()
    holder.wait()
    if child is not None:
      os.kill(child, signal.SIGKILL)
    holder.stdout.close()
