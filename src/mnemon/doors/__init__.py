"""Ways in: each parses, calls one service, renders; no SQL and no rules live here."""
