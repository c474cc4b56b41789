"""The files of `~/.claude-code-router`, by name. Shared with the npm tool where it has the same file."""

from __future__ import annotations

from pathlib import Path


class Home:
    """Paths only; nothing is created or read here."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or Path.home() / ".claude-code-router"
        self.config = self.root / "config.json"
        self.service = self.root / "service.json"
        """pid, port and instance token of the running service."""
        self.records = self.root / "records.sqlite"
        self.learned = self.root / "learned.json"
        """What `ccr learn` has learnt."""
        self.logs = self.root / "logs"
        self.cache = self.root / "cache"
        self.leases = self.root / "leases"
        self.claude_projects = self.root.parent / ".claude" / "projects"
