"""Ollama's own `/api/chat`, for what its compatible layers cannot say: the size of the context window."""
