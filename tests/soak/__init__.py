"""Good and hostile calls on a real server for minutes, and what is left behind afterwards (`make soak`)."""
