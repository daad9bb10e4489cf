"""The queries that the seeds name, on real rows."""
