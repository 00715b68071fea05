"""mmio-bisect: find the compiler change that made a device access impossible to emulate, and the one that fixed it."""

__version__ = "0.1.0"
