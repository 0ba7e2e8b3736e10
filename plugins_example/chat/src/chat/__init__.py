"""A WebSocket chat of actors: one for the room, and one for each who was ever in it."""
