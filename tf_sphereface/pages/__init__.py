"""Self-contained HTML pages: one style, light and dark, and plots as SVG."""
