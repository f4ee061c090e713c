"""Studies drawn by a program: anatomy-like images of patients that do not exist."""
