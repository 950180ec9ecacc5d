"""What is too old, or gone upstream, leaves the lake."""
