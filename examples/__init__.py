"""Three applications on Warren; run them from the repository's root: python -m examples.orders."""
