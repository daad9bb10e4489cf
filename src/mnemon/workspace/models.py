"""Tables of workspace."""
