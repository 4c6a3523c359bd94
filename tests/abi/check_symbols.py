#!/usr/bin/env python3
"""What the shared object shows of itself: its symbols, and how it wants to be loaded.

usage: check_symbols.py LIBRARY HEADER GOLDEN FUNCTION_LIST TEST_PROGRAM...

LIBRARY exports exactly the functions that HEADER declares, which are those of GOLDEN and of
FUNCTION_LIST (the table of the tests that use dlopen), and each is called by some TEST_PROGRAM.
"""

import re
import subprocess
import sys

# What libweir may need at run time. Anything else is a dependency that nobody decided on.
NEEDED = re.compile(r'lib(curl|simdjson|sqlite3|fmt|ssl|crypto|stdc\+\+|gcc_s|m|c|pthread|dl)\.so\.\d+'
                    r'|ld-linux[-a-z0-9_]*\.so\.\d+')
TLS_BYTES_MAX = 64

failures = []


def check(held, message):
    if not held:
        failures.append(message)


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def declared_functions(header):
    text = re.sub(r'/\*.*?\*/', ' ', open(header, encoding='ascii').read(), flags=re.S)
    text = re.sub(r'^#.*', '', text, flags=re.M)
    return re.findall(r'\bWEIR_API\b[^;(]*?\b(\w+)\s*\(', text)


def same(what, names, expected):
    check(len(names) == len(set(names)), f'{what} names a function twice')
    for name in sorted(set(names) - set(expected)):
        check(False, f'{what} has {name}, which the header does not declare')
    for name in sorted(set(expected) - set(names)):
        check(False, f'{what} lacks {name}, which the header declares')


def check_exports(library, declared):
    exported = []
    nodes = set()
    for line in run('nm', '-D', '--defined-only', '--with-symbol-versions', library).splitlines():
        kind, symbol = line.split()[-2:]
        name, _, node = symbol.partition('@@')
        if kind == 'A' and re.fullmatch(r'WEIR_\d+', name):
            continue
        check(kind == 'T', f'{name} is exported with kind {kind}, not as a function')
        check(node != '', f'{name} has no symbol version')
        nodes.add(node)
        exported.append(name)
    same('the library', exported, declared)
    check(len(nodes) == 1, f'the symbols have the versions {sorted(nodes)}, not one')
    for line in run('readelf', '--dyn-syms', '-W', library).splitlines():
        check(' UNIQUE ' not in line, f'a GNU_UNIQUE symbol keeps the library loaded: {line}')


def check_dynamic(library):
    dynamic = run('readelf', '-dW', library)
    entries = re.findall(r'\((\w+)\)\s+(.*)', dynamic)
    values = {}
    for tag, value in entries:
        values.setdefault(tag, []).append(value)
    check(values.get('SONAME') == ['Library soname: [libweir.so.0]'],
          f'the soname is {values.get("SONAME")}')
    flags_1 = ' '.join(values.get('FLAGS_1', []))
    flags = ' '.join(values.get('FLAGS', []))
    check('NODELETE' in flags_1, 'the library can be unloaded under its own threads: no NODELETE')
    check('NOW' in flags_1, 'symbols are bound lazily: no NOW')
    check('STATIC_TLS' not in flags, 'initial-exec TLS: dlopen may fail with STATIC_TLS')
    check('TEXTREL' not in flags and 'TEXTREL' not in values, 'the text has relocations')
    for value in values.get('NEEDED', []):
        name = re.search(r'\[(.*)\]', value).group(1)
        check(NEEDED.fullmatch(name), f'an undecided dependency: {name}')
    for tag in ('RPATH', 'RUNPATH'):
        check(tag not in values, f'{tag} is set: {values.get(tag)}')


def check_segments(library):
    relro = False
    for line in run('readelf', '-lW', library).splitlines():
        fields = line.split()
        if not fields:
            continue
        if fields[0] == 'TLS':
            size = int(fields[5], 16)
            check(size <= TLS_BYTES_MAX, f'{size} bytes of thread-local storage')
        if fields[0] == 'GNU_STACK':
            check('E' not in fields[6], 'the stack is executable')
        relro = relro or fields[0] == 'GNU_RELRO'
    check(relro, 'no RELRO segment')


def check_called(programs, declared):
    called = set()
    for program in programs:
        for line in run('nm', '-D', '--undefined-only', program).splitlines():
            called.add(line.split()[-1].partition('@')[0])
    for name in declared:
        check(name in called, f'no linked test calls {name}')


def main(library, header, golden, function_list, *programs):
    declared = declared_functions(header)
    check(len(declared) >= 60, f'only {len(declared)} functions were found in the header')
    same(golden, open(golden, encoding='ascii').read().split(), declared)
    same(function_list, re.findall(r'\bX\((weir_\w+)\)', open(function_list, encoding='ascii').read()),
         declared)
    check_exports(library, declared)
    check_dynamic(library)
    check_segments(library)
    check_called(programs, declared)
    for failure in failures:
        print(failure)
    print(f'{len(declared)} functions, {len(failures)} failed checks')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
