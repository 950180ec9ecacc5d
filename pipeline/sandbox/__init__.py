"""A local Sunshine Conversations API with real and generated worlds, and its faults."""
