"""Puts the members of instances in the order in which their schemas name them, those first that hold of the instance."""

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
    return arrange(value, [schema], schema)


def arrange(value, schemas, root, depth=0):
    if depth > 40 or not isinstance(value, (dict, list)):
        return value
    about = [part for schema in schemas for part in parts(schema, root)]
    if isinstance(value, list):
        return [arrange(element, elements(about, index), root, depth + 1) for index, element in enumerate(value)]
    naming = [part for part in about if isinstance(part.get("properties"), dict)]
    naming.sort(key=lambda part: not holds(part, value, root))
    names = dict.fromkeys(name for part in naming for name in part["properties"])
    keys = [name for name in names if name in value] + [name for name in value if name not in names]
    return {key: arrange(value[key], members(about, key), root, depth + 1) for key in keys}


def holds(schema, value, root):
    validator = jsonschema.validators.validator_for(root, default=jsonschema.Draft202012Validator)(root)
    try:
        return validator.evolve(schema=schema).is_valid(value)
    except Exception:  # A reference to elsewhere, or an expression that Python does not know.
        return False


def elements(about, index):
    """The schemas of an array's element."""
    for part in about:
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


def members(about, name):
    """The schemas of an object's member."""
    for part in about:
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
