"""The door: reads and authorises, hands the walk on, answers. No routing and no dialects' details here."""
