"""How long tests wait for what others do."""

#: Seconds after which something hangs. It says nothing of how long it takes: a busy machine may take ten times as long.
PATIENCE = 200.0
