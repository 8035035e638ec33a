"""Runs of notebooks: a supervised process each, its folder, its events and its verdict.

`runner` starts and ends them, `supervisor` is the process that watches one, `executor` the one that
executes the notebook with papermill. `folder` is where all of them meet.
"""
