"""The transfer store: a teacher's outputs over the transfer set, computed once and kept on disk."""
