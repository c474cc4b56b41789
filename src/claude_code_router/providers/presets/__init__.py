"""One file a vendor: its endpoints, and how its server differs from the careful middle, each with source and date."""
