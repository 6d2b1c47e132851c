"""Training: checked recipes, the release's optimizer, resumable runs."""
