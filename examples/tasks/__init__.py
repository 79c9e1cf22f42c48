"""Task scheduler: priorities, delays of two kinds, results, retries."""
