"""The config file of somebody who has none yet."""

from __future__ import annotations

from pathlib import Path

from claude_code_router.cli.service import write_private
from claude_code_router.cli.terminal import complain

TEXT = """\
// Claude Code Router. This file is JSON5: comments and trailing commas are fine, "$NAME" is read from the environment.
// The router picks up changes by itself; `ccr status` tells when something is wrong with them.
{
  PORT: 3456,

  // Where your models live. An example:
  // { name: "openrouter", api_base_url: "https://openrouter.ai/api/v1/chat/completions",
  //   api_key: "$OPENROUTER_API_KEY", models: ["qwen/qwen3-coder", "deepseek/deepseek-chat"] },
  // { name: "ollama", api_base_url: "http://localhost:11434/v1/chat/completions", models: ["qwen3:8b"] },
  Providers: [
  ],

  // Which model gets which kind of request: "provider,model".
  Router: {
    // default: "openrouter,qwen/qwen3-coder",
    // background: "ollama,qwen3:8b",
    // think: "openrouter,deepseek/deepseek-chat",
    // longContext: "openrouter,qwen/qwen3-coder",
  },
}
"""


def offer(path: Path) -> None:
    """Writes the starter file where there is none, and says so. An existing file is never touched."""
    if path.exists() or path.is_symlink():
        return
    write_private(path, TEXT.encode())
    complain(
        f"there was no config yet; wrote a starter file to {path}. Put your models into `Providers` and choose one in"
        " `Router.default`: it is picked up as soon as you save. Until then requests are answered with this advice."
    )
