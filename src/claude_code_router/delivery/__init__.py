"""Getting it answered: attempts in the order of the Route, what a failure means, one driver, one transport."""
