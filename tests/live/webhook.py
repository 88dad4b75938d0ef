"""Takes what is posted and appends it to a file, a line each: {"received": seconds since the epoch, "alert": …}.

    webhook.py PORT FILE
"""
import http.server
import json
import sys
import time


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        received = time.time()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(sys.argv[2], "a") as out:
            out.write(json.dumps({"received": received, "alert": json.loads(body)}) + "\n")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Hook).serve_forever()
