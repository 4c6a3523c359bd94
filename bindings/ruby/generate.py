#!/usr/bin/env python3
"""Writes the tables of the gem from weir.json: lib/weir/table.rb and lib/weir/errors.rb.

usage: generate.py            writes them
       generate.py --check    fails if they are not what weir.json says
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
MADE = "# frozen_string_literal: true\n\n# Generated from bindings/weir.json by bindings/ruby/generate.py.\n"
TYPES = {"void": ":void", "int32_t": ":int32", "uint32_t": ":uint32", "int64_t": ":int64",
         "uint64_t": ":uint64", "size_t": ":size_t"}


def ffi_type(written, callbacks):
    return ":pointer" if written.endswith("*") or written in callbacks else TYPES[written]


def table(abi):
    callbacks = {callback["name"] for callback in abi["callbacks"]}
    lines = [MADE, "module Weir", "  module Table", f"    VERSION_NUM = {abi['version']['number']}",
             f"    VERSION_STRING = \"{abi['version']['string']}\""]
    for group in ("statuses", "error_flags", "events", "constants"):
        lines.append("")
        lines += [f"    {name[len('WEIR_'):]} = {value}" for name, value in abi[group].items()]
    event = abi["structs"]["weir_event"]
    lines += ["", f"    EVENT_SIZE = {event['size']}"]
    lines += [f"    OFFSET_{field['name'].upper()} = {field['offset']}" for field in event["fields"]]
    lines += ["", "    # Result and parameters of each function.", "    FUNCTIONS = {"]
    for function in abi["functions"]:
        result = (":string" if function["returns"] == "const char *"
                  else ffi_type(function["returns"], callbacks))
        arguments = ", ".join(ffi_type(one["type"], callbacks) for one in function["parameters"])
        lines.append(f"      {function['name']}: [{result}, [{arguments}]],")
    return "\n".join(lines + ["    }.freeze", "  end", "end", ""])


def class_name(status):
    return "".join(word.capitalize() for word in status[len("WEIR_ERR_"):].split("_")) + "Error"


def errors(abi):
    codes = {name: code for name, code in abi["statuses"].items() if code < 0}
    lines = [MADE, "module Weir"]
    lines += [f"  class {class_name(name)} < Error; end # {name}" for name in codes]
    lines += ["", "  ERRORS = {"]
    lines += [f"    {code} => {class_name(name)}," for name, code in codes.items()]
    return "\n".join(lines + ["  }.freeze", "end", ""])


def main(arguments):
    abi = json.loads((HERE.parent / "weir.json").read_text(encoding="ascii"))
    failed = 0
    for path, text in ((HERE / "lib" / "weir" / "table.rb", table(abi)),
                       (HERE / "lib" / "weir" / "errors.rb", errors(abi))):
        if arguments != ["--check"]:
            path.write_text(text, encoding="ascii")
        elif not path.exists() or path.read_text(encoding="ascii") != text:
            print(f"{path} is out of date; write it with: bindings/ruby/generate.py")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
