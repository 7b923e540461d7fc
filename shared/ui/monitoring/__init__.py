"""Monitoring: metrics of calls, and the health of the server."""
