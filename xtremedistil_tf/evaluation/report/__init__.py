"""The report of a run: the table in the terminal, the HTML page, the model card, the TensorBoard logs."""
