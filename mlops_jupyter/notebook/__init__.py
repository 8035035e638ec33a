"""What a notebook sees: functions (`verbs`), magics over them, results, completion.

Nothing here keeps state that matters: endpoints, versions and records live in the hub.
"""
