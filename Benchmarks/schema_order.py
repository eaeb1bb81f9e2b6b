"""Puts the members of instances in the order of their schemas' `properties`: that of each which holds of the instance."""

import re

import jsonschema


def target(reference, root):
    """The schema that a reference within a document names."""
    value = root
    for part in [] if reference == "#" else reference.removeprefix("#/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(name)] if isinstance(value, list) else value[name]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return value


def parts(schema, root, depth=0):
    """A schema and all that are about the same value, in the order in which their names come."""
    if not isinstance(schema, dict) or depth > 12:
        return
    if isinstance(schema.get("$ref"), str):
        yield from parts(target(schema["$ref"], root), root, depth + 1)
    yield schema
    for keyword in ("dependencies", "dependentSchemas"):
        if isinstance(schema.get(keyword), dict):
            for inner in schema[keyword].values():
                yield from parts(inner, root, depth + 1)
    for keyword in ("allOf", "anyOf", "oneOf"):
        for inner in schema[keyword] if isinstance(schema.get(keyword), list) else []:
            yield from parts(inner, root, depth + 1)
    for keyword in ("not", "if", "then", "else"):
        yield from parts(schema.get(keyword), root, depth + 1)


def ordered(value, schema):
    return arrange(value, [(schema, True)], schema)


def arrange(value, schemas, root, depth=0):
    """A value with its members in order, by the schemas that may be about it, each with whether those around it hold."""
    if depth > 40 or not isinstance(value, (dict, list)):
        return value
    # How far a schema holds: 2 with all around it, 1 by itself.
    about = []
    for schema, is_held in schemas:
        for part in parts(schema, root):
            about.append((part, (2 if is_held else 1) if holds(part, value, root) else 0))

    def inner(find, place):
        return [(schema, rank == 2) for part, rank in about for schema in find(part, place)]

    if isinstance(value, list):
        return [arrange(element, inner(elements, index), root, depth + 1) for index, element in enumerate(value)]
    names = {}
    for wanted in (2, 1, 0):
        lists = [part["properties"] for part, rank in about if rank == wanted and isinstance(part.get("properties"), dict)]
        names |= dict.fromkeys(merged([[name for name in each if name in value] for each in lists]))
    keys = [*names, *(name for name in value if name not in names)]
    return {key: arrange(value[key], inner(members, key), root, depth + 1) for key in keys}


def merged(lists):
    """The names of some lists in the order of each of them, as far as they do not contradict each other."""
    names = list(dict.fromkeys(name for each in lists for name in each))
    before = {name: set() for name in names}
    for each in lists:
        for one, next_one in zip(each, each[1:]):
            before[next_one].add(one)
    result = []
    while names:
        first = next((name for name in names if before[name].issubset(result)), names[0])
        names.remove(first)
        result.append(first)
    return result


def holds(schema, value, root):
    validator = jsonschema.validators.validator_for(root, default=jsonschema.Draft202012Validator)(root)
    try:
        return validator.evolve(schema=schema).is_valid(value)
    except Exception:  # A reference to elsewhere, or an expression that Python does not know.
        return False


def elements(part, index):
    """A schema's schemas of an array's element."""
    items = part.get("items")
    first = part["prefixItems"] if isinstance(part.get("prefixItems"), list) else items
    if isinstance(first, list) and index < len(first):
        yield first[index]
    elif isinstance(items, dict):
        yield items
    elif "additionalItems" in part:
        yield part["additionalItems"]
    if "contains" in part:
        yield part["contains"]


def members(part, name):
    """A schema's schemas of an object's member."""
    found = []
    if isinstance(part.get("properties"), dict) and name in part["properties"]:
        found.append(part["properties"][name])
    if isinstance(part.get("patternProperties"), dict):
        found += [schema for pattern, schema in part["patternProperties"].items() if matches(pattern, name)]
    yield from found or [part.get("additionalProperties")]


def matches(pattern, name):
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return False
