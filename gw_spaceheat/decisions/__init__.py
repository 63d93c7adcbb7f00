"""PURE decisions: (state, facts, now_s) in, (state, effects) out; nothing here sends, waits or reads a clock."""
