"""Modules generated from proto/warren/v1 when the package is built; not part of the public API."""
