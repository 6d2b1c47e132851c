"""The terminal of all commands: errors, results and progress bars."""
