"""Real clients that work through the appliance with credentials, and traffic that is legal but odd. Each raises if anything went wrong."""
import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time

from database import CACHE, PORT
from lab import SERVER, STRANGER
from net import SERVER_V6, namespace

CLIENTS = pathlib.Path(__file__).resolve().parent / "clients"
USER = "owner:not-a-real-secret"
AUTHORIZATION = "Basic b3duZXI6bm90LWEtcmVhbC1zZWNyZXQ="
URL = f"http://{SERVER}:{PORT}"
DOCUMENTS = 2000
MEGABYTE = 1_000_000
UPLOAD_MB = 90  # both databases take 100 MB at most


class Skip(Exception):
    """What is needed is not there; says what."""


class Place:
    """Where clients work: on the outside host, with the database to look at from inside."""

    def __init__(self, network, database, folder):
        self.network, self.database, self.folder = network, database, folder

    def run(self, *command, seconds=120, **options):
        done = self.network.run(self.network.outside, *command, timeout=seconds, **options)
        if done.returncode != 0:
            raise RuntimeError(f"{pathlib.Path(str(command[0])).name} ended with {done.returncode}: {(done.stderr or done.stdout)[-400:]}")
        return done.stdout

    def curl(self, path, *options, seconds=120, url=URL, user=USER):
        """(status, body) of one request"""
        body = self.folder / "body"
        body.write_bytes(b"")
        out = self.run("curl", "-s", "-S", "-m", seconds - 5, *(["-u", user] if user else []), "-o", body, "-w", "%{http_code}", *options, url + path, seconds=seconds)
        return int(out), body.read_bytes()

    def count(self, index):
        self.database.must("POST", f"/{index}/_refresh")
        return self.database.must("GET", f"/{index}/_count")["count"]

    def fill(self, index):
        """An index of invented support cases."""
        self.database.ask("DELETE", f"/{index}")
        lines = "".join(f'{{"index":{{"_id":"{i}"}}}}\n{{"case":"CS-{i:07d}","claim":"Product stops after update {i % 40}","at":{i}}}\n' for i in range(DOCUMENTS))
        self.database.must("POST", f"/{index}/_bulk?refresh=true", lines)

    def resent(self):
        """Segments that the outside host's kernel had to send again so far."""
        rows = [line.split() for line in self.run("cat", "/proc/net/snmp", text=True).splitlines() if line.startswith("Tcp:")]
        return int(rows[1][rows[0].index("RetransSegs")])

    def connect(self):
        with namespace(self.network.outside):
            return socket.create_connection((SERVER, PORT), timeout=20)


def demand(condition, what):
    if not condition:
        raise AssertionError(what)


def head(method, path, *fields):
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {SERVER}:{PORT}", f"Authorization: {AUTHORIZATION}", *fields, "", ""]).encode()


def answers(connection, count):
    """Reads whole answers with a Content-Length: [(status, body)]."""
    found, text = [], b""
    while len(found) < count:
        match = re.match(rb"HTTP/1\.1 (\d+) .*?\r\n\r\n", text, re.DOTALL)
        length = match and re.search(rb"(?i)\r\ncontent-length: *(\d+)", match[0])
        if length and len(text) >= match.end() + int(length[1]):
            found.append((int(match[1]), text[match.end():match.end() + int(length[1])]))
            text = text[match.end() + int(length[1]):]
            continue
        data = connection.recv(1 << 16)
        demand(data, f"the connection ended after {len(found)} of {count} answers")
        text += data
    return found


# ---- clients ----

def curl(place):
    place.fill("curl-cases")
    for url in (URL, f"http://[{SERVER_V6}]:{PORT}"):
        demand(place.curl("/", url=url)[0] == 200, "GET /")
        status, body = place.curl("/curl-cases/_search?size=1000", url=url)
        demand(status == 200 and len(json.loads(body)["hits"]["hits"]) == 1000, f"a search of 1000 documents: {status}")
    status, body = place.curl("/curl-cases/_doc/new?refresh=true", "-X", "PUT", "-H", "Content-Type: application/json", "-d", '{"at":1}')
    demand(status == 201 and place.count("curl-cases") == DOCUMENTS + 1, f"a document put: {status} {body[:200]}")
    demand(place.curl("/curl-cases", "-I")[0] == 200, "HEAD")
    for scheme in ("Bearer abc.def", "ApiKey YTpi"):
        demand(place.curl("/_cat/health", "-H", f"Authorization: {scheme}", user=None)[0] == 200, scheme)
    demand(place.curl("/_cat/health", "-0")[0] == 200, "HTTP/1.0")


def curl_without_credentials(place):
    place.database.executions()
    status, _ = place.curl("/_cat/indices", "--interface", STRANGER, user=None)
    demand(status == 401, f"status {status} instead of 401")
    status, _ = place.curl("/_cat/indices", "--interface", STRANGER, "--anyauth")
    demand(status == 200, f"asked again with credentials: {status}")
    executed = [request for requests in place.database.executions().values() for request in requests]
    demand(len(executed) == 1 and executed[0].authorised, f"the database executed {executed}")


def elasticdump(place):
    program = CACHE / "node" / "node_modules" / ".bin" / "elasticdump"
    if not program.exists():
        raise Skip("elasticdump is not installed; scripts/setup lab")
    place.fill("dumped")
    place.database.ask("DELETE", "/restored")
    file = place.folder / "dump.json"
    file.unlink(missing_ok=True)
    source, target = (f"http://{USER}@{SERVER}:{PORT}/{index}" for index in ("dumped", "restored"))
    for what in "mapping", "data":
        place.run(program, f"--input={source}", f"--output={file}", f"--type={what}", "--limit=400", "--overwrite=true")
        place.run(program, f"--input={file}", f"--output={target}", f"--type={what}", "--limit=400")
    demand(place.count("restored") == DOCUMENTS, f"{place.count('restored')} of {DOCUMENTS} documents came back")
    return f"{DOCUMENTS} documents out and in"


def elasticdump_without_credentials(place):
    program = CACHE / "node" / "node_modules" / ".bin" / "elasticdump"
    if not program.exists():
        raise Skip("elasticdump is not installed; scripts/setup lab")
    place.fill("dumped")
    place.database.executions()
    file = place.folder / "stolen.json"
    file.unlink(missing_ok=True)
    done = place.network.run(place.network.outside, program, f"--input={URL}/dumped", f"--output={file}", "--type=data", timeout=120)
    demand(not place.database.executions(), "the database executed something")
    demand(not file.exists() or file.stat().st_size == 0, "the thief has documents")
    demand(b"401" in done.stdout + done.stderr, f"it was not told why: {(done.stdout + done.stderr)[-300:]}")


def python_client(place):
    python = CACHE / "python" / "bin" / "python"
    if not python.exists():
        raise Skip("the Python clients are not installed; scripts/setup lab")
    place.fill("python-cases")
    return place.run(python, CLIENTS / "client.py", place.database.name, SERVER, PORT, *USER.split(":"), text=True).strip()


def javascript_client(place):
    if not (CACHE / "node" / "node_modules").exists():
        raise Skip("the JavaScript clients are not installed; scripts/setup lab")
    place.fill("javascript-cases")
    environment = {**os.environ, "NODE_PATH": str(CACHE / "node" / "node_modules")}
    return place.run("node", CLIENTS / "client.js", place.database.name, URL, *USER.split(":"), text=True, env=environment).strip()


def browser(place):
    """Asks without credentials, is given a 401, and asks again on its own."""
    program = shutil.which("chromium")
    if program is None:
        raise Skip("there is no chromium; scripts/setup lab")
    place.fill("browser-cases")
    page = place.run(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", f"--user-data-dir={place.folder / 'chromium'}",
                     "--virtual-time-budget=20000", "--dump-dom", f"http://{USER}@{SERVER}:{PORT}/browser-cases/_search?size=500", seconds=120, text=True)
    shutil.rmtree(place.folder / "chromium", ignore_errors=True)
    demand(page.count("Product stops") == 500, f"the page shows {page.count('Product stops')} of 500 documents: {page[:200]}")


# ---- legal but odd ----

def verified(place):
    """Credentials that the appliance itself checks: from an address of the zone whose rule says so."""
    place.database.executions()
    zone = ("--interface", "198.51.100.77")
    for user, wanted in ((USER, 200), ("owner:wrong", 401), (USER, 200), (None, 401)):
        status, _ = place.curl("/_cat/health", *zone, user=user)
        demand(status == wanted, f"{user}: status {status} instead of {wanted}")
    executed = [request for requests in place.database.executions().values() for request in requests]
    demand(len(executed) == 2 and all(request.credentials == (AUTHORIZATION.encode(),) for request in executed), f"the database executed {executed}")
    place.curl("/probe/_doc/verified?refresh=true", *zone, "-X", "PUT", "-H", "Content-Type: application/json", "-d", '{"at":1}')
    demand(place.database.ask("GET", "/probe/_doc/verified")[0] == 200, "the document that was put is there")


def keep_alive(place):
    out = place.run("curl", "-s", "-S", "-m", "60", "-u", USER, *["-o", "/dev/null"] * 30, "-w", "%{http_code} %{num_connects}\n", *[f"{URL}/_cat/health"] * 30, text=True)
    demand(out.split("\n")[:-1] == ["200 1"] + ["200 0"] * 29, f"30 requests on one connection: {out[:200]}")


def idle(place):
    connection = place.connect()
    for _ in range(3):
        connection.sendall(head("GET", "/"))
        demand(answers(connection, 1)[0][0] == 200, "an answer after idling")
        time.sleep(8)


def pipelining(place):
    connection = place.connect()
    connection.sendall(head("GET", "/_cat/health") * 50)
    demand([status for status, _ in answers(connection, 50)] == [200] * 50, "50 answers")


def slow_head(place):
    """A head of 8 KB in segments of 11 bytes."""
    connection = place.connect()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    text = head("GET", "/", *[f"X-{n}: {'a' * 60}" for n in range(120)])
    for at in range(0, len(text), 11):
        connection.sendall(text[at:at + 11])
    demand(answers(connection, 1)[0][0] == 200, "an answer")
    return f"{len(text)} bytes"


def half_close(place):
    connection = place.connect()
    connection.sendall(head("GET", "/"))
    connection.shutdown(socket.SHUT_WR)
    demand(answers(connection, 1)[0][0] == 200, "an answer after the client's FIN")


def bulk_file(place, megabytes):
    """A _bulk body of documents of one megabyte, not indexed by the database but kept."""
    index = f"big-{megabytes}"
    place.database.ask("DELETE", f"/{index}")
    place.database.must("PUT", f"/{index}", {"settings": {"number_of_shards": 1, "number_of_replicas": 0}, "mappings": {"enabled": False}})
    file = place.folder / f"bulk-{megabytes}.ndjson"
    filler = hashlib.sha256(index.encode()).hexdigest()
    with open(file, "w", encoding="ascii") as out:
        for number in range(megabytes):
            action = json.dumps({"index": {"_index": index, "_id": str(number)}})
            text = json.dumps({"notes": ""})
            room = MEGABYTE - len(action) - len(text) - 2
            out.write(action + "\n" + json.dumps({"notes": (filler * (room // len(filler) + 1))[:room]}) + "\n")
    return index, file


def upload(place, megabytes, *options, seconds=300):
    index, file = bulk_file(place, megabytes)
    started = time.monotonic()
    status, body = place.curl("/_bulk?refresh=true&filter_path=errors,took", "-H", "Content-Type: application/x-ndjson", *options, "-T", file, "-X", "POST", seconds=seconds)
    took = time.monotonic() - started
    file.unlink()
    demand(status == 200 and not json.loads(body).get("errors"), f"status {status}: {body[:200]}")
    demand(place.count(index) == megabytes, f"{place.count(index)} of {megabytes} documents")
    return f"{megabytes} MB in {took:.1f} s"


def expect(place):
    return upload(place, 20, "-H", "Expect: 100-continue", "-H", "Transfer-Encoding:", "-H", f"Content-Length: {20 * MEGABYTE}")


def chunked_upload(place):
    return upload(place, UPLOAD_MB, "-H", "Transfer-Encoding: chunked", "-H", "Expect:")


def big_answer(place):
    index, file = bulk_file(place, UPLOAD_MB)
    file.unlink()
    for start in range(0, UPLOAD_MB, 10):
        place.database.must("POST", f"/{index}/_bulk?refresh=true", "".join(
            json.dumps({"index": {"_id": str(n)}}) + "\n" + json.dumps({"notes": f"{n % 10}" * (MEGABYTE - 20)}) + "\n" for n in range(start, start + 10)))
    started = time.monotonic()
    status, body = place.curl(f"/{index}/_search?size={UPLOAD_MB}", seconds=300)
    took = time.monotonic() - started
    hits = json.loads(body)["hits"]["hits"]
    demand(status == 200 and len(hits) == UPLOAD_MB and all(hit["_source"]["notes"] == f"{int(hit['_id']) % 10}" * (MEGABYTE - 20) for hit in hits), f"status {status}, {len(body)} bytes")
    return f"{len(body) / MEGABYTE:.0f} MB in {took:.1f} s"


def on_a_bad_cable(share, megabytes):
    """Both cables lose and reorder so many frames that `share` of all are lost or overtaken in either direction."""
    def work(place):
        each = 1 - (1 - share) ** 0.5
        place.network.make_bad(each, each, place.folder / "bad-cable.log")
        before = place.resent()
        for _ in range(3):
            demand(place.curl("/", seconds=60)[0] == 200, "GET /")
        said = upload(place, megabytes, "-H", "Expect:", "-H", "Transfer-Encoding: chunked")
        status, body = place.curl(f"/big-{megabytes}/_search?size={megabytes}", seconds=300)
        demand(status == 200 and len(json.loads(body)["hits"]["hits"]) == megabytes, f"status {status}, {len(body)} bytes")
        demand(place.resent() > before, "nothing was lost: the cable is not bad")
        return f"{said}, {place.resent() - before} segments sent again"
    return work


def path_mtu(place):
    """The router's next wire is narrower: its message must reach the client."""
    change = ["ip", "-n", place.network.router, "link", "set", "r1", "mtu"]
    subprocess.run([*change, "1300"], check=True)
    try:
        said = upload(place, 5, "-H", "Expect:", "-H", "Transfer-Encoding: chunked", seconds=60)
        route = place.run("ip", "route", "get", SERVER, text=True)
        demand("mtu 1300" in route, f"the client never learnt of the narrow wire: {route}")
        return said
    finally:
        subprocess.run([*change, "1500"], check=True)


def many_at_once(place):
    """200 connections at the same time, each with several requests."""
    failed = []

    def one(number):
        try:
            connection = place.connect_in_place()
            for _ in range(5):
                connection.sendall(head("GET", "/_cat/health"))
                demand(answers(connection, 1)[0][0] == 200, "an answer")
            connection.close()
        except (OSError, AssertionError) as error:
            failed.append(f"{number}: {error}")

    with namespace(place.network.outside):  # threads inherit it
        place.connect_in_place = lambda: socket.create_connection((SERVER, PORT), timeout=30)
        threads = [threading.Thread(target=one, args=(number,)) for number in range(200)]
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()
    demand(not failed, f"{len(failed)} failed: {failed[:2]}")


WORK = {
    "curl": curl, "curl without credentials, then with": curl_without_credentials, "elasticdump": elasticdump, "elasticdump without credentials gets nothing": elasticdump_without_credentials, "Python client": python_client, "JavaScript client": javascript_client,
    "browser": browser, "credentials that are checked": verified, "keep-alive, 30 requests": keep_alive, "200 connections at once": many_at_once, "idle connection": idle, "50 requests pipelined": pipelining,
    "head of 8 KB in 11-byte segments": slow_head, "client closes its half first": half_close, "Expect: 100-continue": expect, "chunked upload": chunked_upload, "big answer": big_answer,
    "path-MTU discovery": path_mtu, "loss and reordering 1 %": on_a_bad_cable(0.01, 10), "loss and reordering 20 %": on_a_bad_cable(0.2, 3),
}
