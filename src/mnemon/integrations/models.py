"""Tables of integrations."""
