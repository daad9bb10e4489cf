"""Tables of workflow."""
