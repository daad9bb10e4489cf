"""What every room uses and nothing of ours comes before: settings, errors, principal, clock, ids."""
