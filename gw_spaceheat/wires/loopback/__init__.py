"""The wire protocols served for real on 127.0.0.1, so that the real clients run against a simulated house."""
