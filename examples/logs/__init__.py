"""Logs: by service and level to queues, all of them in bulk to Elasticsearch."""
