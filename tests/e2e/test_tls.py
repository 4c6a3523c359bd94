"""TLS with a certificate authority of one's own, and HTTP/2, through nghttpx before the server."""

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


@unittest.skipUnless(shutil.which("nghttpx") and shutil.which("openssl"), "needs nghttpx, openssl")
class Tls(support.EndToEnd):
    def certificate(self, name):
        key, certificate = self.directory / f"{name}.key", self.directory / f"{name}.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        return key, certificate

    def front(self, server, key, certificate):
        """Starts nghttpx before the server, and gives its URL."""
        port = free_port()
        host, backend = server.url.split("//")[1].split(":")
        process = subprocess.Popen(
            ["nghttpx", f"--frontend=127.0.0.1,{port}", f"--backend={host},{backend}",
             "--workers=1", "--conf=/dev/null", "--accesslog-file=" + str(self.directory / "access"),
             "--accesslog-format=$status $alpn", key, certificate],
            stderr=subprocess.DEVNULL)
        self.addCleanup(support.end, process)
        support.wait_until(lambda: can_connect(port))
        return f"https://127.0.0.1:{port}"

    def run_through(self, *arguments, trusted=None):
        server = self.server(**ANSWERS)
        key, certificate = self.certificate("front")
        url = self.front(server, key, certificate)
        self.write_prompts(COUNT)
        return self.run_weir(server, "--base-url", url, "--set",
                             f"transport.ca_file={trusted or certificate}", *arguments)

    def protocols(self):
        return {line.split()[-1] for line in (self.directory / "access").read_text().splitlines()}

    def test_a_trusted_certificate(self):
        self.assert_all_succeeded(self.run_through("--set", "transport.http_version=1.1"), COUNT)
        self.assertEqual(self.protocols(), {"http/1.1"})

    def test_http2(self):
        self.assert_all_succeeded(self.run_through("--set", "transport.http_version=2"), COUNT)
        self.assertEqual(self.protocols(), {"h2"})

    def test_another_certificate_is_refused(self):
        _, other = self.certificate("other")
        run = self.run_through(trusted=other)
        self.assertEqual(run.status, 1, run.said)
        results = self.results()
        self.assertEqual(len(results), COUNT)
        self.assertEqual({result["error"]["error"]["type"] for result in results.values()}, {"tls"})


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False
