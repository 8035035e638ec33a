"""Register, deploy, scale and audit models from a notebook cell."""

__version__ = "0.1.0"
