"""What holds for every test."""

from hypothesis import settings

# A busy machine is no bug: properties are bounded by their number of examples, not by the clock.
settings.register_profile("house", deadline=None)
settings.load_profile("house")
