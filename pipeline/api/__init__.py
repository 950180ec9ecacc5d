"""Talking to Sunshine Conversations: authentication, limiter, client, pagination, resources."""
