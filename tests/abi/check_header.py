#!/usr/bin/env python3
"""Compiles the public header alone, with every standard that it promises to be read by, under gcc
and clang at their strictest, twice in a file and in two files that are linked together.

usage: check_header.py INCLUDE_DIRECTORY

A compiler that is not installed is skipped, and named; without any the check fails.
"""

import os
import shutil
import subprocess
import sys
import tempfile

C_STANDARDS = ['c89', 'gnu89', 'c99', 'c11', 'c17', 'c2x']
CXX_STANDARDS = ['c++11', 'c++14', 'c++17', 'c++20', 'c++2b']
GCC = ['-Wall', '-Wextra', '-Wpedantic', '-pedantic-errors', '-Wconversion', '-Wsign-conversion',
       '-Wundef', '-Wcast-align', '-Wshadow']
GCC_C = ['-Wstrict-prototypes', '-Wmissing-prototypes', '-Wold-style-definition', '-Wc++-compat']
GCC_CXX = ['-Wold-style-cast', '-Wzero-as-null-pointer-constant', '-Wuseless-cast']
# Left out: padding is no defect, and that C++98 lacks what C++11 has is no news.
CLANG = ['-Weverything', '-pedantic-errors', '-Wno-padded']
CLANG_CXX = ['-Wno-c++98-compat', '-Wno-c++98-compat-pedantic']

COMPILERS = [
    ('gcc', 'c', C_STANDARDS, GCC + GCC_C),
    ('g++', 'cc', CXX_STANDARDS, GCC + GCC_CXX),
    ('clang', 'c', C_STANDARDS, CLANG),
    ('clang++', 'cc', CXX_STANDARDS, CLANG + CLANG_CXX),
]

# Uses what a program would, so that the macros are compiled as well. WEIR_NUL and the signature of
# a function are where a cast or a type could go wrong.
SOURCE = '''
#include <weir/weir.h>
#include <weir/weir.h>
uint32_t weir_test_{n}(const weir_event *event, size_t length);
uint32_t weir_test_{n}(const weir_event *event, size_t length) {{
    if (length == WEIR_NUL || WEIR_EVENT_IS_TERMINAL(event->type)) return WEIR_VERSION_NUM;
    if (event->status == WEIR_ERR_INTERNAL) return WEIR_ERROR_RETRYABLE | WEIR_NUMBER_ATTEMPTS;
    return weir_version_num();
}}
'''


def compile_twice(compiler, suffix, standard, flags, include, directory):
    objects = []
    for n in (1, 2):
        source = os.path.join(directory, f'unit{n}.{suffix}')
        objects.append(os.path.join(directory, f'unit{n}.o'))
        with open(source, 'w', encoding='ascii') as file:
            file.write(SOURCE.format(n=n))
        command = [compiler, f'-std={standard}', '-Werror', *flags, f'-I{include}', '-c', source,
                   '-o', objects[-1]]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            return done.stderr
    # Relocatable, because there is no need for a library to see a definition twice.
    command = [compiler, '-nostdlib', '-r', *objects, '-o', os.path.join(directory, 'both.o')]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stderr if done.returncode != 0 else ''


def main(include):
    header = open(os.path.join(include, 'weir', 'weir.h'), 'rb').read()
    failed = 0
    found = False
    if not header.isascii() or b'\t' in header or b'\r' in header:
        print('weir.h has bytes that are not plain ASCII text')
        failed += 1
    for compiler, suffix, standards, flags in COMPILERS:
        if shutil.which(compiler) is None:
            print(f'{compiler} is not installed: skipped')
            continue
        found = True
        for standard in standards:
            with tempfile.TemporaryDirectory() as directory:
                problem = compile_twice(compiler, suffix, standard, flags, include, directory)
            print(f'{compiler} -std={standard}: {"failed" if problem else "passed"}')
            if problem:
                print(problem)
                failed += 1
    return 0 if found and not failed else 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
