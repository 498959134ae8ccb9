"""What each kind of task offers to callers of its SavedModel."""
