#!/usr/bin/env python3
"""Writes the tables of the package from weir.json: weir/_table.py and weir/errors.py.

usage: generate.py            writes them
       generate.py --check    fails if they are not what weir.json says
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
CTYPES = {"void": "None", "int32_t": "c_int32", "uint32_t": "c_uint32", "int64_t": "c_int64",
          "uint64_t": "c_uint64", "size_t": "c_size_t"}
MADE = '"""Generated from bindings/weir.json by bindings/python/generate.py."""\n'


def ctype(written, callbacks):
    """Every pointer is passed as an address, but a string that is handed out is read as one."""
    if written.endswith("*") or written in callbacks:
        return "c_void_p"
    return CTYPES[written]


def table(abi):
    callbacks = {callback["name"] for callback in abi["callbacks"]}
    lines = [MADE, "import ctypes", "from ctypes import (c_char_p, c_int32, c_int64, c_size_t, c_uint32,",
             "                    c_uint64, c_void_p)", "from typing import Any, Dict, List, Tuple", ""]
    lines += [f"VERSION_NUM = {abi['version']['number']}",
              f"VERSION_STRING = \"{abi['version']['string']}\""]
    for group in ("statuses", "error_flags", "events", "constants"):
        lines.append("")
        lines += [f"{name[len('WEIR_'):]} = {value}" for name, value in abi[group].items()]
    lines += ["", "", "class Event(ctypes.Structure):", "    _fields_ = ["]
    event = abi["structs"]["weir_event"]
    for field in event["fields"]:
        lines.append(f"        (\"{field['name']}\", {ctype(field['type'], callbacks)}),")
    lines += ["    ]", "", "", f"EVENT_SIZE = {event['size']}", "",
              "# Result and parameters of each function.",
              "FUNCTIONS: Dict[str, Tuple[Any, List[Any]]] = {"]
    for function in abi["functions"]:
        result = ("c_char_p" if function["returns"] == "const char *"
                  else ctype(function["returns"], callbacks))
        arguments = ", ".join(ctype(one["type"], callbacks) for one in function["parameters"])
        row = f"    \"{function['name']}\": ({result}, [{arguments}]),"
        if len(row) > 100:
            row = row.replace(f", [{arguments}]),", f",\n        [{arguments}]),")
        lines.append(row)
    return "\n".join(lines + ["}", ""])


def class_name(status):
    return "".join(word.capitalize() for word in status[len("WEIR_ERR_"):].split("_")) + "Error"


def errors(abi):
    codes = {name: code for name, code in abi["statuses"].items() if code < 0}
    names = [class_name(name) for name in codes]
    lines = [MADE, "from typing import Dict, Type", "", "from weir._error import Error", "",
             "__all__ = [", *(f'    "{name}",' for name in ["Error", *names]), "]"]
    for name, code in codes.items():
        lines += ["", "", f"class {class_name(name)}(Error):", f'    """{name}"""', "",
                  f"    code = {code}"]
    lines += ["", "", "CLASSES: Dict[int, Type[Error]] = {"]
    lines += [f"    {code}: {class_name(name)}," for name, code in codes.items()]
    return "\n".join(lines + ["}", ""])


def main(arguments):
    abi = json.loads((HERE.parent / "weir.json").read_text(encoding="ascii"))
    failed = 0
    for path, text in ((HERE / "weir" / "_table.py", table(abi)),
                       (HERE / "weir" / "errors.py", errors(abi))):
        if arguments != ["--check"]:
            path.write_text(text, encoding="ascii")
        elif not path.exists() or path.read_text(encoding="ascii") != text:
            print(f"{path} is out of date; write it with: bindings/python/generate.py")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
