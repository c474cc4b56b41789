"""What to change: replay, advice, checks of upgrades. Proposals on the owner's own records; the owner decides."""
