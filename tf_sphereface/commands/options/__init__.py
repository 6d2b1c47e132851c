"""Options that several commands have, or that are many."""
