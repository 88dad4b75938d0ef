"""The HTTP server inside: logs every request it was given, one line each, before it answers. server.py ADDRESS PORT LOG

GET /page: a text; GET /big/N: N bytes that repeat (see pattern); POST: the SHA-256 of the body that arrived.
"""
import hashlib
import http.server
import sys


def pattern(size):
    block = hashlib.sha256(b"springlatch").digest() * 2048
    return (block * (size // len(block) + 1))[:size]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body):
        with open(sys.argv[3], "a") as log:
            log.write(f"{self.client_address[0]} {self.command} {self.path}\n")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(pattern(int(self.path[5:])) if self.path.startswith("/big/") else b"the page\n")

    def do_POST(self):
        self.answer(hashlib.sha256(self.rfile.read(int(self.headers["Content-Length"]))).hexdigest().encode())

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    class Server(http.server.ThreadingHTTPServer):
        address_family = __import__("socket").AF_INET6 if ":" in sys.argv[1] else __import__("socket").AF_INET
        daemon_threads = True

    Server((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
