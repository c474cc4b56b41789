"""How they speak, sans-IO. A decoder or encoder is `feed(x) -> y` and `close() -> y`; none awaits."""
