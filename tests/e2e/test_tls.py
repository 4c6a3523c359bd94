"""TLS with a certificate of one's own, and HTTP/2 (through nghttpx, before the server)."""

import shutil
import socket
import subprocess
import unittest

import support

ANSWERS = {"limits": {"requests_per_minute": 6000}, "first_token_s": 0.1, "output_tokens": 20,
           "tokens_per_s": 0}
COUNT = 60


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@unittest.skipUnless(shutil.which("openssl"), "needs openssl")
class Tls(support.EndToEnd):
    def certificate(self, name):
        key, certificate = self.directory / f"{name}.key", self.directory / f"{name}.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        return key, certificate

    def run_with(self, server, trusted, *arguments):
        self.write_prompts(COUNT)
        return self.run_weir(server, "--set", f"transport.ca_file={trusted}", *arguments)

    def tls_server(self):
        key, certificate = self.certificate("server")
        server = self.server(arguments=["--tls-key", key, "--tls-cert", certificate], **ANSWERS)
        self.assertTrue(server.url.startswith("https://"))
        return server, certificate

    def test_a_trusted_certificate(self):
        server, certificate = self.tls_server()
        self.assert_all_succeeded(self.run_with(server, certificate), COUNT)

    def test_another_certificate_is_refused(self):
        server, _ = self.tls_server()
        _, other = self.certificate("other")
        run = self.run_with(server, other)
        self.assertEqual(run.status, 1, run.said)
        self.assertIn("transport.ca_file", run.said)
        self.assertEqual(self.results(), {}, "all is left for --resume")

    @unittest.skipUnless(shutil.which("nghttpx"), "needs nghttpx")
    def test_http2(self):
        server = self.server(**ANSWERS)
        key, certificate = self.certificate("front")
        front, protocols = self.front(server, key, certificate)
        self.assert_all_succeeded(
            self.run_with(server, certificate, "--base-url", front,
                          "--set", "transport.http_version=2"), COUNT)
        self.assertEqual(set(protocols.read_text().split()), {"h2"})

    @unittest.skipUnless(shutil.which("nghttpx"), "needs nghttpx")
    def test_http2_with_a_route(self):
        """A body that is sent in pieces."""
        server = self.server(**ANSWERS)
        key, certificate = self.certificate("front")
        front, protocols = self.front(server, key, certificate)
        run = self.run_with(server, certificate, "--base-url", front, "--route", "r",
                            "--set", "transport.http_version=2",
                            "--set", "route.r.1.model=claude-haiku-4-5")
        self.assert_all_succeeded(run, COUNT)
        self.assertEqual({result["message"]["model"] for result in self.results().values()},
                         {"claude-haiku-4-5"})
        self.assertEqual(set(protocols.read_text().split()), {"h2"})

    def front(self, server, key, certificate):
        """Starts nghttpx before the server; gives its URL, and the log of the protocols spoken."""
        port = free_port()
        protocols = self.directory / "protocols"
        host, backend = server.url.split("//")[1].split(":")
        process = subprocess.Popen(
            ["nghttpx", f"--frontend=127.0.0.1,{port}", f"--backend={host},{backend}",
             "--workers=1", "--conf=/dev/null", f"--accesslog-file={protocols}",
             "--accesslog-format=$alpn", key, certificate],
            stderr=subprocess.DEVNULL)
        self.addCleanup(support.end, process)
        support.wait_until(lambda: can_connect(port))
        return f"https://127.0.0.1:{port}", protocols


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False
