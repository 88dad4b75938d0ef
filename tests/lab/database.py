"""A real Elasticsearch or OpenSearch node inside, without any authentication, and what it says that it executed."""
import base64
import collections
import dataclasses
import http.client
import ipaddress
import json
import pathlib
import re
import shutil
import subprocess

from lab import ROOT, SERVER, stop, wait_until
from net import SERVER_V6, namespace

SOURCES = pathlib.Path(__file__).resolve().parent / "servers"
CACHE = ROOT / "build" / "lab"
PORT = 9200
NAMES = {"elasticsearch": "Elasticsearch 7.10.2", "opensearch": "OpenSearch 2.19.1"}
# What the policy means by credentials that are present.
CREDENTIAL = re.compile(rb"(?i:basic|bearer|apikey) +[A-Za-z0-9._~+/-]+=*[ \t]*")


class Missing(Exception):
    """What the lab needs is not there; says how to get it."""


@dataclasses.dataclass(frozen=True)
class Execution:
    """A request that the database handed to one of its handlers."""
    client: tuple  # (packed address, port)
    method: str
    uri: str
    credentials: tuple  # every Authorization value it saw

    @property
    def authorised(self):
        return len(self.credentials) == 1 and CREDENTIAL.fullmatch(self.credentials[0]) is not None


def prepare(name):
    """Brings the jars by Maven, once, and compiles the launcher."""
    folder = CACHE / name
    jars, classes = folder / "jars", folder / "classes"
    for program, package in ("mvn", "maven"), ("javac", "openjdk-17-jdk-headless"):
        if shutil.which(program) is None and not (program == "mvn" and (jars / ".complete").exists()):
            raise Missing(f"there is no {program} ({package}); scripts/setup lab installs it")
    if not (jars / ".complete").exists():
        print(f"  {name}: fetching the jars", flush=True)
        done = subprocess.run(["mvn", "-q", "-B", "-f", SOURCES / name / "pom.xml", "dependency:copy-dependencies", f"-DoutputDirectory={jars}"], capture_output=True, text=True)
        if done.returncode != 0:
            raise Missing(f"Maven did not bring the jars of {name}: {done.stdout[-400:].strip()}")
        (jars / ".complete").touch()
    done = subprocess.run(["javac", "-nowarn", "-d", classes, "-cp", f"{jars}/*", SOURCES / "Audit.java", SOURCES / name / "AuditedNode.java"], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"javac: {done.stderr[-800:]}")


class Database:
    def __init__(self, name, network, folder):
        self.name, self.network, self.folder = name, network, folder
        self.audit, self.log = folder / "audit.tsv", folder / "server.log"
        self.process = None
        self.read = 0

    def start(self):
        prepare(self.name)
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        self.log.write_bytes(b"")
        cache = CACHE / self.name
        self.process = self.network.start(self.network.inside, "java", "-Xms1g", "-Xmx3g", "-cp", f"{cache / 'jars'}/*:{cache / 'classes'}", "AuditedNode",
                                          f"{SERVER},{SERVER_V6}", PORT, self.folder / "data", self.audit, log=self.log, cwd=self.folder)
        wait_until(self.ready, 180, f"{self.name} answers ({self.log})")

    def ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}: {self.log.read_text(errors='replace')[-800:]}")
        return b"ready" in self.log.read_bytes()

    def stop(self):
        if self.process:
            try:
                stop(self.process, seconds=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def ask(self, method, path, body=None, seconds=120):
        """Directly, inside, with no appliance between: (status, parsed answer)."""
        with namespace(self.network.inside):
            connection = http.client.HTTPConnection(SERVER, PORT, timeout=seconds)
            connection.connect()
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text.startswith((b"{", b"[")) else text.decode()

    def must(self, method, path, body=None):
        status, answer = self.ask(method, path, body)
        if status >= 300 or isinstance(answer, dict) and answer.get("errors"):
            raise RuntimeError(f"{self.name}: {method} {path}: {status} {str(answer)[:300]}")
        return answer

    def executions(self):
        """{client: [Execution]} since the last call."""
        text = self.audit.read_bytes()
        end = text.rfind(b"\n") + 1
        lines, self.read = text[self.read:end].splitlines(), end
        found = collections.defaultdict(list)
        for line in lines:
            address, port, method, uri, credentials = line.decode().split("\t")
            client = (ipaddress.ip_address(address).packed, int(port))
            values = () if credentials == "-" else tuple(base64.b64decode(value) for value in credentials.split(","))
            found[client].append(Execution(client, method, base64.b64decode(uri).decode(errors="replace"), values))
        return found
