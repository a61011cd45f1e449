"""What comes in and goes out: read, create and update apart. They hold no rules of rooms."""
