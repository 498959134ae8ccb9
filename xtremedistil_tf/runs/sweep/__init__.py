"""Trying students of several sizes within a budget of latency or size; begin with `run`."""
