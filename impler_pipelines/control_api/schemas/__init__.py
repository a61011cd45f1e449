"""What comes in and goes out, as Pydantic models: read, create and update apart. No rules of rooms."""
