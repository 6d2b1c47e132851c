"""HTML pages and plots of evaluation reports."""
