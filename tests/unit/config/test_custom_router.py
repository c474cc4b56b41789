from __future__ import annotations

import json
from pathlib import Path

import pytest

from claude_code_router.config.load import load_text
from claude_code_router.config.settings import Config

PROVIDER = {"name": "up", "api_base_url": "http://localhost:1", "models": ["small"]}


def config_of(**keys: object) -> Config:
    file = {"providers": [PROVIDER], "Router": {"default": "up,$MODEL"}, **keys}
    return load_text(json.dumps(file), "config.json", {"MODEL": "small"})


def complaints(config: Config) -> list[str]:
    return [f"{one.found}; {one.expected}" for one in config.warnings if one.path == "CUSTOM_ROUTER_PATH"]


@pytest.mark.parametrize("name", ["router.js", "router.cjs", "router.mjs", "router.py"])
def test_script(tmp_path: Path, name: str) -> None:
    """The four kinds of script are taken without a word."""
    (tmp_path / name).touch()
    config = config_of(CUSTOM_ROUTER_PATH=str(tmp_path / name), CUSTOM_ROUTER_TIMEOUT_MS="250")
    assert complaints(config) == []
    assert config.settings.custom_router is not None
    assert (config.settings.custom_router.path, config.settings.custom_router.limit_s) == (str(tmp_path / name), 0.25)


def test_what_it_sees(tmp_path: Path) -> None:
    """The whole file, its variables resolved, the providers under both names."""
    script = tmp_path / "router.py"
    script.touch()
    config = config_of(CUSTOM_ROUTER_PATH=str(script), MINE={"own": 1})
    assert config.settings.custom_router is not None
    seen = json.loads(config.settings.custom_router.config)
    assert seen["Providers"] == seen["providers"] == [PROVIDER]
    assert seen["Router"]["default"] == "up,small"
    assert seen["MINE"] == {"own": 1}


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("router.js", "an absolute path"),
        ("./r.py", "an absolute path"),
        ("/r.ts", "ends in .js"),
        ("/router", "ends in .js"),
    ],
)
def test_not_run(path: str, meant: str) -> None:
    """A relative path, or a file of another kind, is told and never run."""
    config = config_of(CUSTOM_ROUTER_PATH=path)
    assert config.settings.custom_router is None
    assert meant in complaints(config)[0]


def test_missing(tmp_path: Path) -> None:
    """A file that is not there yet is told, and used when it is."""
    config = config_of(CUSTOM_ROUTER_PATH=str(tmp_path / "later.js"))
    assert config.settings.custom_router is not None
    assert "not there" in complaints(config)[0]


def test_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """~/ is the owner's home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "r.js").touch()
    config = config_of(CUSTOM_ROUTER_PATH="~/r.js")
    assert config.settings.custom_router is not None
    assert config.settings.custom_router.path == str(tmp_path / "r.js")


@pytest.mark.parametrize("path", ["", "  "])
def test_none(path: str) -> None:
    """Without a path there is no custom router."""
    config = config_of(CUSTOM_ROUTER_PATH=path)
    assert config.settings.custom_router is None
    assert complaints(config) == []
