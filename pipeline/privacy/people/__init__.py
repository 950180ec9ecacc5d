"""From requests to people: everything by which each is known, in the lake and upstream."""
