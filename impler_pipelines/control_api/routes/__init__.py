"""The endpoints, one module a subject: each reads its request, calls a room, shows the answer."""
