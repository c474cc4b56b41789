"""How good replies were: checks, judges, scores. Maths and prompts are pure; calls go through delivery."""
