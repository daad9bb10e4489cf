"""What every room uses and nothing of ours comes before: settings, errors, context, clock, ids."""
