"""An installation into a prefix is whole: the program runs there, and pkg-config leads a compiler to
the header and the library."""

import os
import pathlib
import subprocess
import unittest

import support
import test_documents

PREFIX = "usr/local"  # meson's own, under DESTDIR


@unittest.skipIf(support.SANITIZER != "none", "what is installed has no sanitizers")
class Installation(support.EndToEnd):
    def setUp(self):
        super().setUp()
        self.root = self.directory / "root"
        subprocess.run(["meson", "install", "-C", support.BUILD, "--no-rebuild", "--quiet"],
                       env={**os.environ, "DESTDIR": str(self.root)}, check=True)
        self.prefix = self.root / PREFIX

    def test_the_program_runs(self):
        said = subprocess.run([self.prefix / "bin" / "weir", "--version"], capture_output=True,
                              text=True, check=True, timeout=20)
        self.assertIn("weir", said.stdout)

    def test_a_program_is_built_by_pkg_config(self):
        found = next(self.prefix.rglob("weir.pc"))
        environment = {**os.environ, "PKG_CONFIG_PATH": str(found.parent),
                       "PKG_CONFIG_SYSROOT_DIR": str(self.root)}
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "weir"], env=environment,
                               capture_output=True, text=True, check=True).stdout.split()
        source = self.directory / "first.c"
        source.write_text(test_documents.program_of_readme())
        program = self.directory / "first"
        subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", source, "-o", program, *flags],
                       check=True)
        ended = subprocess.run([program], capture_output=True, text=True, timeout=20, env={
            "LD_LIBRARY_PATH": str(pathlib.Path(found).parent.parent)})
        self.assertEqual(ended.returncode, 1)
        self.assertIn("ANTHROPIC_API_KEY", ended.stderr)
