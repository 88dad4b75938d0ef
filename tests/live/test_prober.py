"""The control process asks servers as a stranger would, and tells of the open ones by every channel. Real sockets on loopback, no data plane."""
import email
import email.policy
import http.server
import json
import os
import re
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.dirname(__file__))
import open_database  # noqa: E402
from lab import BIN, wait_until  # noqa: E402

aiosmtpd = pytest.importorskip("aiosmtpd.controller", reason="python3-aiosmtpd is not installed; scripts/setup does it")

HTML = b"<html>It works: cluster_uuid version number</html>"


class Stub(http.server.BaseHTTPRequestHandler):
    """What a server answers is decided by its class; each remembers whom it was asked by."""
    protocol_version = "HTTP/1.1"

    def say(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Recorder:
    asked = None

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Authorization"), self.client_address[0]))
        self.answer_it()


class Open(Recorder, open_database.Database):
    def answer_it(self):
        open_database.Database.do_GET(self)


class OpenToInvented(Open):
    def answer_it(self):
        if self.headers.get("Authorization"):
            open_database.Database.do_GET(self)
        else:
            self.answer({"error": "missing authentication credentials"}, 401)


class OpenOnce(Open):
    """Two answers and never again: what is seen once only is no proof."""

    def answer_it(self):
        if len(self.server.asked) <= 2:
            open_database.Database.do_GET(self)
        else:
            self.answer({"error": "security_exception"}, 401)


class Shut(Recorder, Stub):
    def answer_it(self):
        self.say(401, b"{}", WWW_Authenticate='Basic realm="security"')


class WebPage(Recorder, Stub):
    def answer_it(self):
        self.say(200, HTML, Content_Type="text/html")


class Redirects(Recorder, Stub):
    def answer_it(self):
        self.say(302, Location=f"http://127.0.0.1:{self.server.elsewhere}{self.path}")


class Endless(Recorder, Stub):
    def answer_it(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b'{"cluster_uuid": "' + b"x" * 65536)
        except OSError:
            self.close_connection = True


class Silent(Recorder, Stub):
    def answer_it(self):
        self.server.released.wait(60)


KINDS = {"open": Open, "mirror": Open, "invented": OpenToInvented, "once": OpenOnce, "shut": Shut, "page": WebPage, "redirects": Redirects, "endless": Endless, "silent": Silent}


def start(kind):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.daemon_threads = True
    server.asked, server.released = [], threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Listeners:
    """A webhook, syslog over UDP and TCP, and a mail server."""

    def __init__(self):
        self.posts, self.datagrams, self.octets, self.mails = [], [], bytearray(), []
        listeners = self

        class Hook(Stub):
            def do_POST(self):
                listeners.posts.append((self.headers["Authorization"], json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
                self.say(500 if len(listeners.posts) == 1 else 204)  # the first time it fails: it must come again

        class Datagram(socketserver.BaseRequestHandler):
            def handle(self):
                listeners.datagrams.append(self.request[0])

        class Stream(socketserver.BaseRequestHandler):
            def handle(self):
                while data := self.request.recv(65536):
                    listeners.octets.extend(data)

        class Mail:
            async def handle_DATA(self, server, session, envelope):
                listeners.mails.append(envelope)
                return "250 OK"

        self.hook = start(Hook)
        self.udp = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Datagram)
        self.tcp = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Stream)
        self.tcp.daemon_threads = True
        for server in (self.udp, self.tcp):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.mail_port = probe.getsockname()[1]
        self.mail = aiosmtpd.Controller(Mail(), hostname="127.0.0.1", port=self.mail_port)
        self.mail.start()

    def stop(self):
        for server in (self.hook, self.udp, self.tcp):
            server.shutdown()
            server.server_close()
        self.mail.stop()


class Site:
    def __init__(self, folder):
        self.folder, self.listeners = folder, Listeners()
        self.servers = {name: start(kind) for name, kind in KINDS.items()}
        self.servers["redirects"].elsewhere = self.servers["open"].server_port
        (folder / "token").write_text("hook-secret\n")
        (folder / "policy.json").write_text(json.dumps({
            "version": 1, "zones": {"everyone": ["0.0.0.0/0"]},
            "services": {name: {"protocol": "elasticsearch", "addresses": ["127.0.0.1/32"], "ports": [server.server_port]} for name, server in self.servers.items()},
            "rules": [], "default": {"action": "reject"}}))
        channels = {"hook": {"webhook": {"url": f"http://127.0.0.1:{self.listeners.hook.server_port}/hook", "token_file": str(folder / "token")}},
                    "udp": {"syslog": {"to": f"udp://127.0.0.1:{self.listeners.udp.server_address[1]}", "facility": "authpriv"}},
                    "tcp": {"syslog": {"to": f"tcp://127.0.0.1:{self.listeners.tcp.server_address[1]}"}},
                    "mail": {"mail": {"server": f"smtp://127.0.0.1:{self.listeners.mail_port}", "tls": "never", "from": "gate@example.org", "to": ["duty@example.org", "two@example.org"]}}}
        (folder / "settings.json").write_text(json.dumps({
            "posture": {"probe": {"from": "127.0.0.1", "every": "1s", "timeout": "1s", "per_minute": 6000}}, "alerts": {"channels": channels}}))
        self.log = (folder / "log").open("w")
        self.control = subprocess.Popen([BIN / "springlatchd", "--policy", folder / "policy.json", "--socket", folder / "c.sock", "--store", folder / "store",
                                         "--listen", "127.0.0.1:0", "--settings", folder / "settings.json"], stderr=self.log)

    def stop(self):
        for server in self.servers.values():
            server.released.set()
        self.control.send_signal(signal.SIGTERM)
        try:
            assert self.control.wait(30) == 0
        finally:
            self.control.kill()
            self.listeners.stop()
            for server in self.servers.values():
                server.shutdown()
                server.server_close()

    def posture(self):
        """{name of the server: what is known of it}"""
        done = subprocess.run([BIN / "springlatch", "posture", "--store", self.folder / "store", "--json"], capture_output=True, text=True, timeout=60)
        return {server["service"]: server for server in json.loads(done.stdout)["servers"]} if done.returncode == 0 else {}

    def state(self, name):
        return self.posture().get(name, {}).get("state", "unknown")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("prober"))
    try:
        wait_until(lambda: len(site.servers["silent"].asked) >= 2 and site.state("invented") == "open" and site.state("shut") == "closed", 60, "every server was asked")
        yield site
    finally:
        site.stop()


def test_who_answers_a_stranger_is_open_and_only_he(site):
    found = {name: site.state(name) for name in KINDS}
    assert found == {"open": "open", "mirror": "open", "invented": "open", "shut": "closed", "once": found["once"], "page": "unknown", "redirects": "unknown", "endless": "unknown",
                     "silent": "unknown"}
    assert found["once"] != "open" and "open" not in [change["state"] for change in site.posture().get("once", {}).get("history", [])], "asked again before it is accused"
    assert "invented credentials" in site.posture()["invented"]["evidence"]


def test_the_stranger_brings_nothing_or_something_invented_and_never_the_same_twice(site):
    brought = [authorization for server in site.servers.values() for _, authorization, _ in server.asked]
    assert None in brought
    invented = [text for text in brought if text]
    assert invented and all(re.fullmatch(r"Basic [A-Za-z0-9+/]+=*", text) for text in invented)
    roots = [authorization for path, authorization, _ in site.servers["shut"].asked if path == "/" and authorization]
    assert len(roots) == len(set(roots))
    assert {path for server in site.servers.values() for path, _, _ in server.asked} <= {"/", "/_cat/indices?format=json&h=uuid"}, "nothing but what any scanner asks first"


def test_a_redirect_is_not_followed(site):
    before = len(site.servers["redirects"].asked)
    wait_until(lambda: len(site.servers["redirects"].asked) > before, 60, "it is asked again")
    assert site.state("redirects") == "unknown"


def test_the_same_data_on_two_servers_is_seen_as_mirrors(site):
    def mirrored():
        return any(str(site.servers["mirror"].server_port) in mirror for mirror in site.posture()["open"]["mirrors"])
    wait_until(mirrored, 30, "the open server's mirror is told")
    stored = b"".join(path.read_bytes() for path in (site.folder / "store").iterdir() if path.is_file())
    assert b"lab-cluster" not in stored and b"lab-index" not in stored, "neither cluster nor indices are written down by name"


def test_every_channel_tells_of_the_exposure(site):
    address = f"127.0.0.1:{site.servers['open'].server_port}"
    hook = wait_until(lambda: [post for post in site.listeners.posts if post[1].get("server") == address], 60, "the webhook, although it failed once")
    assert hook[0][0] == "Bearer hook-secret" and hook[0][1]["kind"] == "exposure"
    line = wait_until(lambda: [data.decode() for data in site.listeners.datagrams if address.encode() in data], 30, "syslog by UDP")[0]
    # RFC 5424: <PRI>1 time host application process message-id [structured data] text; authpriv is facility 10, critical is severity 2
    assert re.fullmatch(r"<82>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z \S+ springlatchd \d+ exposure \[alert@\d+( \w+=\"[^\"]*\")+\] .+", line, re.DOTALL), line
    framed = wait_until(lambda: address.encode() in site.listeners.octets and bytes(site.listeners.octets), 30, "syslog by TCP")
    while framed:  # RFC 6587 section 3.4.1: each message behind its length
        length, _, rest = framed.partition(b" ")
        message, framed = rest[:int(length)], rest[int(length):]
        assert message.startswith(b"<") and b">1 " in message[:6]
    mail = wait_until(lambda: [one for one in site.listeners.mails if address.encode() in one.content], 30, "mail")[0]
    assert mail.rcpt_tos == ["duty@example.org", "two@example.org"] and mail.mail_from == "gate@example.org"
    parsed = email.message_from_bytes(mail.content, policy=email.policy.default)
    assert parsed["Subject"] == f"[springlatch] critical: exposure {address}" and not parsed.defects
    assert abs(parsed["Date"].datetime.timestamp() - time.time()) < 3600


def test_a_server_that_is_shut_again_and_opened_again_is_a_new_alert(site):
    address = f"127.0.0.1:{site.servers['open'].server_port}"
    server = site.servers["open"]
    server.RequestHandlerClass = Shut
    wait_until(lambda: site.state("open") == "closed", 60, "it is seen shut")
    server.RequestHandlerClass = Open
    told = wait_until(lambda: [post for _, post in site.listeners.posts if post.get("server") == address and post["kind"] == "exposure_reopened"], 60, "the re-opened exposure")
    assert told[0]["id"] != next(post["id"] for _, post in site.listeners.posts if post.get("server") == address)
    assert [change["state"] for change in site.posture()["open"]["history"]] == ["open", "closed", "open"]


def test_no_secret_is_in_what_was_written(site):
    written = (site.folder / "log").read_text()
    assert "hook-secret" not in written and "Basic " not in written
