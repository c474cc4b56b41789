"""Claude Code Router: sends each request of Claude Code to the model that fits its task."""

__version__ = "0.1.0"
