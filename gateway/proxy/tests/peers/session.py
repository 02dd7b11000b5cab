"""What the Python clients share: the steps of a session, fixed answers to a server's questions, one JSON line a step.

See README.md. It opens no connection.
"""

import json
import pathlib
import sys


def say(line):
    print(json.dumps(line, ensure_ascii=False, sort_keys=True), flush=True)


def plain(model):
    """A result as it came over the wire."""
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


def fill(schema):
    """A form with a value of the type that each of its fields asks for."""
    return {name: _filled(field) for name, field in schema.get("properties", {}).items()}


def _filled(field):
    if "enum" in field:
        return field["enum"][0]
    if "oneOf" in field:
        return field["oneOf"][0]["const"]
    kind = field.get("type")
    if kind == "array":
        return [_filled(field["items"])]
    if kind == "boolean":
        return True
    if kind in ("integer", "number"):
        return 42
    formats = {"email": "a@example.com", "uri": "https://example.com/", "date": "2026-07-28"}
    return formats.get(field.get("format"), "gantry")


def arguments():
    """The URL, the client's mode for the era, and the steps."""
    url, era, file = sys.argv[1:]
    mode = "2026-07-28" if era == "modern" else era
    return url, mode, json.loads(pathlib.Path(file).read_text())["steps"]


async def run(steps, revision, notices, take):
    """Takes each step and prints what it brought; returns the exit code."""
    era = "modern" if revision >= "2026-07-28" else "legacy"
    surprises = 0
    for step in steps:
        if era not in step.get("eras", [era]):
            continue
        notices.clear()
        try:
            result = await take(step)
            outcome = "tool_error" if getattr(result, "is_error", False) else "result"
            saw = {"outcome": outcome, "result": plain(result)}
        except Exception as error:  # every client has its own kinds; the line says which it was
            saw = {"outcome": "error", "error": [type(error).__name__, getattr(error, "code", None), str(error)]}
        surprises += saw["outcome"] != step.get("expect", "result")
        say({"step": step, **saw, "notices": list(notices)})
    return 1 if surprises else 0
