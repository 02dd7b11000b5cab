"""Reads each dashboard's JSON with Grafana's own Foundation SDK and writes it again: nothing may get lost.

    python foundation.py FILE...
"""

import json
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard


def lost(before, after, path):
    """Paths that are in `before` and not the same in `after`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            # The SDK leaves out what is null.
            if value is not None:
                yield from lost(value, after.get(key), f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after)):
            yield from lost(one, other, f"{path}[{index}]")
    elif before != after:
        yield f"{path}: {before!r} became {after!r}"


faults = []
for file in sys.argv[1:]:
    with open(file, encoding="utf-8") as text:
        before = json.load(text)
    dashboard = Dashboard.from_json(before)
    after = json.loads(JSONEncoder(sort_keys=True).encode(dashboard))
    faults += lost(before, after, before["title"])
print("\n".join(faults))
sys.exit(1 if faults else 0)
