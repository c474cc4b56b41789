"""Makes tests/golden/npm_routing.json: where the npm router 2.0.0 sends a table of requests.

    python tests/e2e/npm_routing_table.py DIRECTORY

`DIRECTORY` holds `node_modules/@musistudio/claude-code-router` 2.0.0. Each config of the table is given to a router of
its own, with a HOME of its own, whose providers are one small server on loopback that answers every call and remembers
which model it was asked for. The configs and requests stand in the same file and are kept; only what npm did is renewed.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parents[1] / "golden" / "npm_routing.json"
CLI = "node_modules/@musistudio/claude-code-router/dist/cli.js"
KEY = "local"


def expand(value: Any) -> Any:
    """`{"$repeat": [text, times]}` stands for a long text."""
    if isinstance(value, dict):
        if "$repeat" in value:
            text, times = value["$repeat"]
            return text * times
        return {name: expand(inner) for name, inner in value.items()}
    return [expand(inner) for inner in value] if isinstance(value, list) else value


class FakeUpstream(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.prompt_tokens = 7

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeUpstream

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(f"{self.path.split('/')[1]},{body['model']}")
        usage = {"prompt_tokens": self.server.prompt_tokens, "completion_tokens": 1}
        shape = {"id": "c", "model": body["model"], "created": 1}
        if body.get("stream"):
            first = {
                **shape,
                "object": "chat.completion.chunk",
                "choices": [{"index": 0, "delta": {"role": "assistant", "content": "ok"}}],
            }
            last = {
                **shape,
                "object": "chat.completion.chunk",
                "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}],
                "usage": usage,
            }
            answer = (
                b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in (first, last))
                + b"data: [DONE]\n\n"
            )
            kind = "text/event-stream"
        else:
            message = {"role": "assistant", "content": "ok"}
            choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
            answer = json.dumps({**shape, "object": "chat.completion", "choices": choices, "usage": usage}).encode()
            kind = "application/json"
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


class NpmRouter:
    """One running router, its config written into a fresh HOME."""

    def __init__(self, directory: Path, config: dict[str, Any], upstream: str) -> None:
        self.home = tempfile.TemporaryDirectory()
        home = Path(self.home.name)
        self.port = _free_port()
        root = home / ".claude-code-router"
        root.mkdir()
        providers = [
            {**entry, "api_base_url": f"{upstream}/{entry['name']}/v1/chat/completions"}
            for entry in config["Providers"]
        ]
        whole = {key: value for key, value in config.items() if key != "overrides"}
        (root / "config.json").write_text(
            json.dumps(
                {**whole, "Providers": providers, "PORT": self.port, "HOST": "127.0.0.1", "APIKEY": KEY, "LOG": False}
            )
        )
        for session, router in config.get("overrides", {}).items():
            (home / ".claude" / "projects" / "-work-app").mkdir(parents=True, exist_ok=True)
            (home / ".claude" / "projects" / "-work-app" / f"{session}.jsonl").touch()
            (root / "-work-app").mkdir(exist_ok=True)
            (root / "-work-app" / f"{session}.json").write_text(json.dumps({"Router": router}))
        environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
        self.process = subprocess.Popen(
            ["node", str(directory / CLI), "start"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _wait_for(self.port)

    def post(self, path: str, headers: dict[str, str], body: Any) -> tuple[int, bytes]:
        sent = {"content-type": "application/json", "x-api-key": KEY, **headers}
        call = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode(), sent)
        try:
            with urllib.request.urlopen(call, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        self.home.cleanup()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the npm router did not start")


def ask(router: NpmRouter, upstream: FakeUpstream, case: dict[str, Any]) -> None:
    """Puts `npm` (target, or `error STATUS`) and `npm_tokens` (its own count) to the case."""
    body, headers = expand(case["body"]), case.get("headers", {})
    if "last_input_tokens" in case:
        upstream.prompt_tokens = case["last_input_tokens"]
        before = {**body, "stream": True, "messages": [{"role": "user", "content": "before"}]}
        router.post("/v1/messages", headers, before)
        upstream.prompt_tokens = 7
    upstream.asked.clear()
    status, _ = router.post("/v1/messages?beta=true", headers, body)
    case["npm"] = upstream.asked[-1] if upstream.asked and status == 200 else f"error {status}"
    status, answer = router.post("/v1/messages/count_tokens", {}, {**body, "model": "count"})
    case["npm_tokens"] = json.loads(answer)["input_tokens"] if status == 200 else None


def main() -> None:
    directory = Path(sys.argv[1])
    table = json.loads(GOLDEN.read_text())
    upstream = FakeUpstream()
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    for name, config in table["configs"].items():
        router = NpmRouter(directory, config, upstream.url)
        try:
            for case in table["cases"]:
                if case["config"] == name:
                    ask(router, upstream, case)
                    print(f"{name:12} {case['name']:50} {case['npm']}")
        finally:
            router.stop()
    upstream.shutdown()
    GOLDEN.write_text(_written(table))


def _written(table: dict[str, Any]) -> str:
    """One line a case: a table that diffs well."""
    configs = ",\n".join(f"    {json.dumps(name)}: {json.dumps(config)}" for name, config in table["configs"].items())
    cases = ",\n".join(f"    {json.dumps(case)}" for case in table["cases"])
    about = json.dumps(table["about"])
    return f'{{\n  "about": {about},\n  "configs": {{\n{configs}\n  }},\n  "cases": [\n{cases}\n  ]\n}}\n'


if __name__ == "__main__":
    main()
