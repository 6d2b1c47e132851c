"""Training recipes (TOML) that ship with the package."""
