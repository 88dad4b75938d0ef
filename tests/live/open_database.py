"""A small database that answers like an open Elasticsearch 7.10: whoever asks gets documents, whatever credentials are given.

    open_database.py ADDRESS PORT
"""
import http.server
import json
import sys

DOCUMENTS = [{"_index": "cases", "_id": str(i), "_source": {"case": i, "text": "x" * 200}} for i in range(500)]
PAGE = 100


class Database(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cursor = 0

    def answer(self, body, status=200):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Warning", '299 Elasticsearch-7.10.2 "Elasticsearch built-in security features are not enabled."')
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def hits(self, begin):
        return {"_scroll_id": str(begin + PAGE), "hits": {"total": {"value": len(DOCUMENTS)}, "hits": DOCUMENTS[begin:begin + PAGE]}}

    def do_GET(self):
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length) or b"{}") if length else {}
        path = self.path.split("?")[0]
        if path == "/":
            self.answer({"name": "lab", "cluster_uuid": "lab-cluster", "version": {"number": "7.10.2"}, "tagline": "You Know, for Search"})
        elif path == "/_cat/indices":
            self.answer([{"uuid": "lab-index"}])
        elif path == "/_search/scroll":
            self.answer(self.hits(int(body.get("scroll_id", 0))))
        elif path == "/cases/_search":
            self.answer(self.hits(0))
        else:
            self.answer({"error": "not found"}, 404)

    do_POST = do_HEAD = do_GET

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Database).serve_forever()
