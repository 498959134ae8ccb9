"""More transfer text out of the transfer text: variants of examples, where they came from, which to keep."""
