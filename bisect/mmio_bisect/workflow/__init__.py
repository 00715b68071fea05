"""The use cases, each its own small module, over the ports."""
