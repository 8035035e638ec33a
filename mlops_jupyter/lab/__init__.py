"""The Jupyter Server extension: what JupyterLab asks for; start reading at ``extension.py``."""
