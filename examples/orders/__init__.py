"""Orders: inventory, payment and shipping; failures are retried, then wait for a person."""
