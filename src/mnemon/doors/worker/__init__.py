"""The worker's door: the product's own handlers and schedules, and a process that runs them."""
