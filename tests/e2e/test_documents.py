"""The first programs that a reader meets, in README.md and at the top of weir.h, do what they say:
with a good key, a wrong one and none, and where no server is."""

import os
import pathlib
import re
import subprocess
import unittest

import support

ROOT = pathlib.Path(__file__).parents[2]
QUESTION = ('{\\"model\\": \\"claude-haiku-4-5\\", \\"max_tokens\\": 100, \\"messages\\": '
            '[{\\"role\\": \\"user\\", \\"content\\": \\"What is a weir?\\"}]}')
NOBODY = "http://127.0.0.1:9"


def program_of_readme():
    return re.search(r"```c\n(.*?)```", (ROOT / "README.md").read_text(), re.S)[1]


def program_of_header():
    header = (ROOT / "include/weir/weir.h").read_text()
    lines = re.search(r"\n( \*     int ask.*?\n \*     }\n)", header, re.S)[1].splitlines()
    function = "\n".join(line.removeprefix(" *     ") for line in lines)
    return (f"#include <stdio.h>\n#include <weir/weir.h>\n{function}\n"
            f'int main(void) {{ return !ask("{QUESTION}"); }}\n')


@unittest.skipIf(support.SANITIZER != "none", "the compiler of the sanitizer is not known here")
class FirstPrograms(support.EndToEnd):
    def compile(self, text, deadline_ms=60000):
        """Compiles the program for the address in WEIR_TEST_URL: the real one has no key here."""
        set_key = re.search(r"weir_config_set\(config,.*?&error\) == WEIR_OK", text)[0]
        set_url = set_key.replace('"account.main.key_env"', '"transport.base_url"').replace(
            '"ANTHROPIC_API_KEY"', 'getenv("WEIR_TEST_URL")')
        text = text.replace(set_key, f"{set_key} && {set_url}")
        source = self.directory / "first.c"
        source.write_text("#include <stdlib.h>\n" + text.replace(", 60000)", f", {deadline_ms})"))
        program = self.directory / "first"
        library = support.BUILD / "src" / "c_api"
        subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror",
                        f"-I{ROOT / 'include'}", source, "-o", program,
                        f"-L{library}", f"-Wl,-rpath,{library}", "-lweir"], check=True)
        return program

    def run_program(self, program, url, key):
        environment = {**os.environ, "WEIR_TEST_URL": url, "ANTHROPIC_API_KEY": key}
        if not key:
            del environment["ANTHROPIC_API_KEY"]
        ended = subprocess.run([program], capture_output=True, text=True, timeout=60,
                               env=environment)
        return ended.returncode, ended.stdout + ended.stderr

    def check(self, text):
        server = self.server(limits={"requests_per_minute": 600}, first_token_s=0.1)
        program = self.compile(text)
        status, said = self.run_program(program, server.url, support.KEY)
        self.assertEqual(status, 0, said)
        self.assertIn('"type":"message"', said.replace(" ", ""))
        status, said = self.run_program(program, server.url, "wrong")
        self.assertEqual(status, 1)
        self.assertIn("x-api-key", said)
        status, said = self.run_program(program, server.url, "")
        self.assertEqual(status, 1)
        self.assertIn("ANTHROPIC_API_KEY", said)
        program = self.compile(text, deadline_ms=1000)
        status, said = self.run_program(program, NOBODY, support.KEY)
        self.assertEqual(status, 1)
        self.assertRegex(said, "(?i)connect")

    def test_readme(self):
        self.check(program_of_readme())

    def test_header(self):
        self.check(program_of_header())
