"""Controls in a notebook: panels of ipywidgets beside the facts, never instead of them.

`shown` has what ``endpoint(…).controls()`` and ``audit.controls(…)`` return: it displays the facts
as HTML, which is what a saved notebook keeps, and below them, where a front end can show it, a
panel. `panel` is what panels share: one background thread each, woken by the hub's events or by a
slow clock, that ends with the panel. ipywidgets is imported when the first panel opens.
"""
