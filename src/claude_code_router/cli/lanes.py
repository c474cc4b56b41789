"""`--namespace`: the config that a lane's requests see."""

from __future__ import annotations

from claude_code_router.config.check import did_you_mean
from claude_code_router.config.settings import Config
from claude_code_router.core.errors import BadRequest


def lane(whole: Config, namespace: str) -> Config:
    """The whole config for the empty name. Raises BadRequest for one that is not there."""
    if not namespace:
        return whole
    if namespace in whole.namespaces:
        return whole.namespaces[namespace].config
    close = did_you_mean(namespace, whole.namespaces)
    names = ", ".join(whole.namespaces) or "none is set in Namespaces"
    raise BadRequest(
        f"There is no namespace {namespace!r}.", hint=f"Did you mean {close}?" if close else f"There are: {names}."
    )
