"""Names on the hub: a local cache, and one line where there is no network."""

import json

import pytest

from prm_jax import errors
from prm_jax.checkpoint import hub


@pytest.fixture
def home(tmp_path, monkeypatch):
  """An empty cache, and no network."""
  for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
    monkeypatch.delenv(name, raising=False)
  monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
  return tmp_path / "home" / "hub"


@pytest.fixture
def offline(home, monkeypatch):
  """The hub's library says what it says without a network."""
  library = pytest.importorskip("huggingface_hub")
  asked = []

  def fail(name, **options):
    asked.append((name, options))
    raise ConnectionError("no route to host\nsecond line")

  monkeypatch.setattr(library, "snapshot_download", fail)
  return asked


def snapshot(home, name):
  folder = home / f"models--{name.replace('/', '--')}"
  (folder / "refs").mkdir(parents=True)
  (folder / "refs" / "main").write_text("abc")
  found = folder / "snapshots" / "abc"
  found.mkdir(parents=True)
  return found


def test_a_folder_is_itself(tmp_path, monkeypatch):
  (tmp_path / "org" / "name").mkdir(parents=True)
  monkeypatch.chdir(tmp_path)
  assert str(hub.resolve("org/name")) == "org/name"
  assert hub.resolve(tmp_path / "none") == tmp_path / "none"
  assert str(hub.resolve("none")) == "none"


def test_what_is_cached_needs_no_network(home, offline):
  found = snapshot(home, "org/name")
  (found / "config.json").write_text("{}")
  assert hub.cached("org/name") is None  # no weights
  (found / "model.safetensors").write_bytes(b"")
  assert hub.resolve("org/name") == found
  assert not offline


def test_a_cache_without_all_shards_is_fetched(home, offline, monkeypatch):
  found = snapshot(home, "org/name")
  (found / "config.json").write_text("{}")
  index = {"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}
  (found / "model.safetensors.index.json").write_text(json.dumps(index))
  (found / "1.safetensors").write_bytes(b"")
  with pytest.raises(errors.UserError):
    hub.resolve("org/name")
  ((name, options),) = offline
  assert name == "org/name"
  # Neither code nor pickles are asked for.
  assert set(options["allow_patterns"]) == {
    "*.safetensors",
    "*.json",
    "*.jinja",
  }
  (found / "2.safetensors").write_bytes(b"")
  assert hub.resolve("org/name") == found


def test_offline_one_line_says_what_to_do(offline):
  with pytest.raises(errors.UserError) as error:
    hub.resolve("Qwen/Qwen2.5-Math-PRM-7B")
  told = str(error.value)
  assert "\n" not in told
  assert "ConnectionError: no route to host" in told
  assert "`hf download Qwen/Qwen2.5-Math-PRM-7B --include" in told
  assert "DIR can be given instead" in told
