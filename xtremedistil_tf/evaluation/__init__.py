"""Measuring teachers and students: scores per language, retention, size and latency."""
