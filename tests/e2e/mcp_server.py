"""The smallest MCP server that Claude Code accepts, on stdio: one tool, `double`. Stands alone; uses nothing but Python."""

from __future__ import annotations

import json
import sys
from typing import Any

TOOL = {
    "name": "double",
    "description": "Doubles a number.",
    "inputSchema": {"type": "object", "properties": {"number": {"type": "number"}}, "required": ["number"]},
}


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        info = {"name": "arithmetic", "version": "1.0.0"}
        return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": info}
    if method == "tools/list":
        return {"tools": [TOOL]}
    if method == "tools/call":
        return {"content": [{"type": "text", "text": f"doubled: {params['arguments']['number'] * 2}"}]}
    return {}


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message:
            continue
        result = answer(message["method"], message.get("params") or {})
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
