#!/usr/bin/env python3
"""Writes weir.json, the ABI as data, from weir.h. The tables of every binding come from it.

usage: weir_json.py HEADER OUTPUT            writes OUTPUT
       weir_json.py --check HEADER OUTPUT    fails if OUTPUT is not what the header says

The header is regular on purpose: a declaration of a form that is not known here is an error.
"""

import difflib
import json
import pathlib
import re
import sys

POINTER_SIZE = 8
SIZES = {"uint64_t": 8, "int64_t": 8, "uint32_t": 4, "int32_t": 4, "size_t": POINTER_SIZE}
FUNCTION = re.compile(r"WEIR_API ([\w ]+?)\s*(\**)\s*(weir_\w+)\s*\(([^()]*)\)\s*;")
CALLBACK = re.compile(r"typedef ([\w ]+?)\s*(\**)\s*\(\*(weir_\w+)\)\s*\(([^()]*)\)\s*;")
OPAQUE = re.compile(r"typedef struct (weir_\w+) \1;")
STRUCT = re.compile(r"typedef struct (weir_\w+) \{([^{}]*)\} \1;")
DEFINE = re.compile(r"#define (WEIR_\w+) (.+)")
TERMINAL = re.compile(r"#define WEIR_EVENT_IS_TERMINAL\(type\) \(\(\(type\)&(0x[0-9a-f]+)u\) != 0\)")
NUMBER = re.compile(r"\(?(-?(?:0x[0-9a-fA-F]+|\d+))u?\)?")
# What the preprocessor alone needs.
SKIPPED = re.compile(r"#(?:ifndef|ifdef|if|else|endif|include)\b.*|#define WEIR_(?:WEIR_H|API\b.*)")


class Unknown(Exception):
    """Something in the header has a form that this parser does not know."""


def declaration(text):
    """The name and the type of a parameter or a field."""
    found = re.fullmatch(r"((?:const )?\w+)\s*(\**)\s*(\w+)", " ".join(text.split()))
    if not found:
        raise Unknown(text)
    return {"name": found[3], "type": found[1] + (" " + found[2] if found[2] else "")}


def parameters(text):
    return [] if text.strip() == "void" else [declaration(one) for one in text.split(",")]


def returned(base, stars):
    return base + (" " + stars if stars else "")


def layout(fields):
    """The offset and size of each field, as every 64-bit C compiler lays them out."""
    offset = 0
    for field in fields:
        size = POINTER_SIZE if field["type"].endswith("*") else SIZES[field["type"]]
        offset += -offset % size
        field.update(offset=offset, size=size)
        offset += size
    return {"size": offset + -offset % POINTER_SIZE, "fields": fields}


def constants(lines):
    """The groups of constants by name; what is no number or string is an error."""
    groups = {"statuses": {}, "error_flags": {}, "events": {}, "constants": {}}
    version = {}
    for line in lines:
        if found := TERMINAL.fullmatch(line):
            groups["constants"]["WEIR_EVENT_TERMINAL_BIT"] = int(found[1], 16)
            continue
        found = DEFINE.fullmatch(line)
        if not found:
            raise Unknown(line)
        name, value = found[1], found[2].strip()
        if name == "WEIR_VERSION_STRING":
            version["string"] = value.strip('"')
        elif name == "WEIR_NUL" and value == "SIZE_MAX":
            groups["constants"][name] = 2**64 - 1
        elif not (number := NUMBER.fullmatch(value)):
            raise Unknown(line)
        elif name == "WEIR_VERSION_NUM":
            version["number"] = int(number[1], 0)
        else:
            group = ("statuses" if name == "WEIR_OK" or name.startswith("WEIR_ERR_")
                     else "error_flags" if name.startswith("WEIR_ERROR_")
                     else "events" if name.startswith("WEIR_EVENT_") else "constants")
            groups[group][name] = int(number[1], 0)
    return {"version": version, **groups}


def read_header(text):
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    text = re.sub(r'#ifdef __cplusplus\n(?:extern "C" \{|\})\n#endif\n', "", text)
    directives = [line.strip() for line in text.splitlines() if line.startswith("#")]
    code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    abi = constants([line for line in directives if not SKIPPED.fullmatch(line)])
    abi["types"] = OPAQUE.findall(code)
    abi["structs"] = {
        name: layout([declaration(field) for field in body.split(";") if field.strip()])
        for name, body in STRUCT.findall(code)
    }
    abi["callbacks"] = [
        {"name": name, "returns": returned(base, stars), "parameters": parameters(inside)}
        for base, stars, name, inside in CALLBACK.findall(code)
    ]
    abi["functions"] = [
        {"name": name, "returns": returned(base, stars), "parameters": parameters(inside)}
        for base, stars, name, inside in FUNCTION.findall(code)
    ]
    for known in (OPAQUE, STRUCT, CALLBACK, FUNCTION):
        code = known.sub("", code)
    if code.strip():
        raise Unknown(code.strip())
    return abi


def written(abi):
    """JSON with one line for each name: what changes in the header is a line of a diff."""
    lines = []
    for name, group in abi.items():
        if isinstance(group, list):
            rows = [json.dumps(row) for row in group]
            brackets = "[]"
        else:
            rows = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in group.items()]
            brackets = "{}"
        inside = ",\n".join("  " + row for row in rows)
        lines.append(f"{json.dumps(name)}: {brackets[0]}\n{inside}\n {brackets[1]}")
    return "{\n " + ",\n ".join(lines) + "\n}\n"


def main(arguments):
    check = arguments[:1] == ["--check"]
    if len(arguments) != 2 + check:
        print(__doc__, file=sys.stderr)
        return 2
    header, output = map(pathlib.Path, arguments[check:])
    try:
        text = written(read_header(header.read_text(encoding="ascii")))
    except Unknown as unknown:
        print(f"{header} has a declaration that weir_json.py does not know: {unknown}", file=sys.stderr)
        return 1
    if not check:
        output.write_text(text, encoding="ascii")
        return 0
    there = output.read_text(encoding="ascii") if output.exists() else ""
    changes = list(difflib.unified_diff(there.splitlines(), text.splitlines(), str(output), str(header),
                                        lineterm=""))
    if changes:
        print("\n".join(changes))
        print(f"{output} is out of date; write it with: bindings/weir_json.py {header} {output}")
    return 1 if changes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
