"""Distil large multilingual language models into tiny, fast students."""
