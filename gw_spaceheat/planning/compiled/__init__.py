"""The backward pass for Numba (extra `cloud`): the same tables, sooner."""
