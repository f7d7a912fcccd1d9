"""How the catalogs, schemas and states of two taps differ."""

from lab import MISSING, Difference, unequal


def of_catalogs(old, new):
    """How two catalogs differ, metadata by breadcrumb."""
    return of_documents(_by_stream(old), _by_stream(new))


def _by_stream(catalog):
    return {entry["tap_stream_id"]: entry | {"metadata": _by_breadcrumb(entry)} for entry in catalog["streams"]}


def _by_breadcrumb(entry):
    return {"/".join(each["breadcrumb"]): each["metadata"] for each in entry["metadata"]}


def of_schemas(old, new):
    sides = [{name: _meant(message) for name, message in run.schemas.items()} for run in (old, new)]
    return of_documents(*sides)


def _meant(message):
    """A SCHEMA with its keys in one text, and without what is no word of JSON Schema and so says nothing."""
    return message | {"key_properties": " ".join(message["key_properties"]), "schema": _of_words(message["schema"])}


def _of_words(schema):
    words = {key: value for key, value in schema.items() if key in ("type", "format", "properties", "items", "anyOf")}
    if "properties" in words:
        words["properties"] = {name: _of_words(field) for name, field in words["properties"].items()}
    return words


def of_states(old, new):
    """What the published tap's state says and Weir's does not: Weir's says more."""
    sides = [run.state["bookmarks"] for run in (old, new)]
    assert old.state.get("currently_syncing") is None and new.state["currently_syncing"] is None
    return [it for it in of_documents(*sides) if it.old != MISSING]


def of_documents(old, new):
    found = []
    for name in sorted({*old, *new}):
        for path, left, right in unequal(old.get(name, MISSING), new.get(name, MISSING)):
            found.append(Difference(name, "value", path, left, right))
    return found
