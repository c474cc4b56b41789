"""Custom routers as the npm tool's users publish them, in their several habits; and the one in that tool's own README."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from tests.unit.plugins.conftest import BODY, Opened

README = Path("npm-router-2.0.0/node_modules/@musistudio/claude-code-router/README.md")


def said(content: Any, **more: Any) -> dict[str, Any]:
    return {**BODY, "messages": [{"role": "user", "content": content}], **more}


BLOCKS = [
    {"type": "text", "text": "<system-reminder>x</system-reminder>"},
    {"type": "text", "text": "Find where we log in"},
]

LONG_LISTS_OF_WORDS = """
module.exports = async function(req, config) {
  const userMessage = req.body.messages.find(m => m.role === 'user')?.content;
  if (!userMessage) return null;
  /** if (userMessage.includes('Design')) { return 'up, large'; } */
  if (userMessage.includes('Search') || userMessage.includes('查找') ||
      userMessage.includes('Find') || userMessage.includes('Grep')) {
    console.log("============2");
    return 'up, small';
  }
  return null;
}
"""
LAST_MESSAGE = """
function lastUserText(messages) {
  for (let i = messages.length - 1; i >= 0; i--) {
    const m = messages[i];
    if (m.role !== "user") continue;
    if (typeof m.content === "string") return m.content;
    if (Array.isArray(m.content)) return m.content.filter(c => c.type === "text").map(c => c.text).join("\\n");
  }
  return "";
}
module.exports = async (req, config) => {
  const text = lastUserText(req.body.messages).toLowerCase();
  if (/\\b(find|grep|search)\\b/.test(text)) return config.Router.longContext;
  return undefined;
};
"""
BY_SIZE = """
module.exports = async function router(req, config) {
  const { tokenCount, body } = req;
  const hasTools = Array.isArray(body.tools) && body.tools.length > 0;
  if (tokenCount > 60000) return "up,large";
  if (!hasTools && body.max_tokens <= 128) return "up,small";
  return null;
};
"""
BY_MODEL = """
const MAP = { opus: "up,large", sonnet: "up,large", haiku: "up,small" };
module.exports = async function (req) {
  const m = (req.body.model || "").toLowerCase();
  const key = Object.keys(MAP).find((k) => m.includes(k));
  return key ? MAP[key] : null;
};
"""
BY_CLOCK = """
module.exports = function (req, config) {
  const hour = new Date().getHours();
  return hour >= 0 && hour < 24 ? "up,large" : "up,small";
};
"""
BY_THE_WEBSITE = """
// the two arguments that the tool's site describes, and no release ever passed
module.exports = function(config, context) {
  const { scenario, tokenCount, request } = context;
  if (scenario === 'background') return 'up,small';
  if (tokenCount > 100000) return 'up,large';
  if (request && request.system && request.system.includes('code')) return 'up,large';
  return 'up,small';
};
"""
THINKING = """
const fs = require("fs");
const log = (line) => { try { fs.appendFileSync("/dev/null", line + "\\n"); } catch (e) {} };
module.exports = async (req, config) => {
  log(JSON.stringify({ model: req.body.model, n: req.body.messages.length }));
  if (req.body.thinking?.type === "enabled") return config.Router.think ?? config.Router.longContext;
  const sys = Array.isArray(req.body.system) ? req.body.system.map((s) => s.text).join(" ") : req.body.system || "";
  if (sys.includes("reviewer")) return config.Router.longContext;
};
"""
TYPESCRIPT_BUILD = """
"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.default = async function router(req, config) { return "up,large"; };
"""


@pytest.mark.parametrize(
    ("text", "body", "tokens", "target"),
    [
        (LONG_LISTS_OF_WORDS, said("Find the bug"), 10, "up, small"),
        (LONG_LISTS_OF_WORDS, said("请查找这个函数"), 10, "up, small"),
        (LONG_LISTS_OF_WORDS, said(BLOCKS), 10, ""),  # a list of blocks has no such entry: their mistake, not a fault
        (LAST_MESSAGE, said(BLOCKS), 10, "up,large"),
        (LAST_MESSAGE, said("hello"), 10, ""),
        (BY_SIZE, said("x"), 70_000, "up,large"),
        (BY_SIZE, said("x"), 10, "up,small"),
        (BY_SIZE, said("x", tools=[{"name": "t"}]), 10, ""),
        (BY_MODEL, said("x"), 10, "up,large"),
        (BY_MODEL, said("x", model="claude-haiku-5-5"), 10, "up,small"),
        (BY_CLOCK, said("x"), 10, "up,large"),
        (BY_THE_WEBSITE, said("x"), 10, "up,small"),
        (THINKING, said("x", thinking={"type": "enabled", "budget_tokens": 5}), 10, "up,large"),
        (THINKING, said("x", system=[{"type": "text", "text": "You are a reviewer."}]), 10, "up,large"),
        (THINKING, said("x"), 10, ""),
        (TYPESCRIPT_BUILD, said("x"), 10, "up,large"),
    ],
)
async def test_habits(desk: Opened, text: str, body: dict[str, Any], tokens: int, target: str) -> None:
    """Each runs as it is, and answers what it would have answered there."""
    async with desk("router.js", text) as d:
        found = await d.ask(body, tokens=tokens)
    assert (found.target.replace(" ", ""), found.note, found.body) == (target.replace(" ", ""), "", None)


@pytest.mark.real_client
@pytest.mark.parametrize(("words", "chosen"), [("please explain this code", True), ("hello", False)])
async def test_the_example_of_that_tools_readme(desk: Opened, words: str, chosen: bool) -> None:
    """Read out of the installed package and run unmodified."""
    folder = os.environ.get("CCR_E2E_CACHE")
    if not folder or not (Path(folder) / README).exists():
        assert not os.environ.get("CCR_E2E_REQUIRED"), "the npm router is not installed"
        pytest.skip("the npm router is not installed")
    scripts = re.findall(r"```javascript\n(.*?)```", (Path(folder) / README).read_text(encoding="utf-8"), re.DOTALL)
    [script] = [text for text in scripts if "module.exports" in text and "router(req" in text]
    async with desk("custom-router.js", script) as d:
        found = await d.ask(said(words))
    assert (found.note, found.target.startswith("openrouter,")) == ("", chosen)
