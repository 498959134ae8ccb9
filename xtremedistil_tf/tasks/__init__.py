"""What a task is: its features, its targets and how its outputs are read."""
