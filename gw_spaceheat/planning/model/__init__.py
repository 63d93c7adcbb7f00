"""The house as the planner believes it to be: parameters, and the physics of one step."""
