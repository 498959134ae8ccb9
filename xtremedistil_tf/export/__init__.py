"""Exports of a student for production."""
