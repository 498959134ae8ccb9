"""Running a student in the forms that it is exported to."""
