"""PURE planning: forecast in, plan and bid out."""
