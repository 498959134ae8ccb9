"""Student models. A student declares its layer groups from top to bottom; the schedule unfreezes those."""
