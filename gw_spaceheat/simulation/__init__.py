"""The simulated house, its devices behind in-process wires, and a simulated broker with faults."""
