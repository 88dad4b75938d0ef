"""A policy's meaning, written a second time from config/README.md: who may ask which service for what. Where a policy uses what this reading does not know
(verified credentials, apis, flags, limits, patches, health checks, modes of services), it says so instead of judging."""
import datetime
import ipaddress
import re
import urllib.parse

import routes

FORWARDS, DENIES = "forwards", "denies"
NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.timezone.utc)  # policies of the tests expire long before or long after
KNOWN_IN_POLICY = {"$schema", "version", "mode", "zones", "services", "rules", "default", "transit", "fragments", "limits", "record", "owner", "tags"}
KNOWN_IN_SERVICE = {"protocol", "addresses", "ports", "tls", "record", "owner", "tags", "severity"}
KNOWN_IN_RULE = {"id", "from", "to", "credentials", "methods", "operations", "paths", "expires", "action", "mode", "owner", "reason", "record", "tags", "severity"}


class Policy:
    def __init__(self, document, databases=None):
        self.document, self.databases = document, databases or routes.Databases()
        for known, objects in ((KNOWN_IN_POLICY, [document]), (KNOWN_IN_SERVICE, document["services"].values()), (KNOWN_IN_RULE, document.get("rules", []))):
            for thing in objects:
                if set(thing) - known or thing.get("credentials") == "verified":
                    raise NotImplementedError(f"this second reading of a policy does not know {sorted(set(thing) - known) or 'verified'}")
        self.observes = document.get("mode") == "observe"
        self.prefixes = [(prefix, zone) for zone, texts in document.get("zones", {}).items() for prefix in map(network, texts)]
        self.services = {}
        for name, service in document["services"].items():
            for prefix in map(network, service["addresses"]):
                for port in service["ports"]:
                    self.services[prefix, port] = (name, service["protocol"])

    def zone(self, address):
        address = ipaddress.ip_address(address)
        inside = [(prefix.prefixlen, zone) for prefix, zone in self.prefixes if prefix.version == address.version and address in prefix]
        return max(inside)[1] if inside else None

    def service(self, address, port):
        """(name, protocol) or (None, None)."""
        address = ipaddress.ip_address(address)
        for (prefix, at), found in self.services.items():
            if at == port and prefix.version == address.version and address in prefix:
                return found
        return None, None

    def rules(self, source, service):
        zone = self.zone(source)
        return [rule for rule in self.document.get("rules", []) if zone in rule["from"] and service in rule["to"] and not expired(rule)]

    def reachable(self, source, service, protocol):
        """Whether a connection may be opened: some rule could let something through."""
        for rule in self.rules(source, service):
            if rule["action"] == "allow" or rule.get("mode", "observe" if self.observes else "") == "observe":
                return True
            if protocol == "tcp" or rule["credentials"] == "any" and not {"methods", "operations", "paths"} & set(rule):
                return False
        return self.observes

    def decide(self, source, service, method, credentials, operation, target):
        """`operation`: a class, or "unknown"."""
        if method in (b"TRACE", b"CONNECT"):
            return FORWARDS if self.observes else DENIES
        for rule in self.rules(source, service):
            if rule["credentials"] == "present" and credentials != "good":
                continue
            if "methods" in rule and method.decode("latin-1") not in rule["methods"]:
                continue
            if "operations" in rule and operation not in rule["operations"]:
                continue
            if "paths" in rule and not path_matches(rule, target):
                continue
            if rule["action"] == "allow":
                if credentials == "malformed":
                    break
                return FORWARDS
            return FORWARDS if rule.get("mode", "observe" if self.observes else "enforce") == "observe" else DENIES
        return FORWARDS if self.observes else DENIES

    def verdicts(self, source, service, request):
        """What the policy says to each thing that the request may do: {FORWARDS}, {DENIES}, both where the classes are arguable, or
        nothing if no database does anything."""
        done = routes.settled(self.databases.operations(request.method, request.target))
        return {frozenset(self.decide(source, service, request.method, request.credentials, operation, request.target) for operation in classes) for classes in done}

    def slips(self, source, service, request):
        """A database would do what the policy denies, however one classes it."""
        return frozenset({DENIES}) in self.verdicts(source, service, request)

    def must_pass(self, source, service, request):
        """The policy lets it through, however one classes it, whichever database it is."""
        verdicts = self.verdicts(source, service, request)
        return verdicts == {frozenset({FORWARDS})}


def expired(rule):
    return "expires" in rule and datetime.datetime.fromisoformat(rule["expires"].replace("Z", "+00:00")) <= NOW


def path_matches(rule, target):
    """The whole path, decoded once, with one trailing slash less; one that encodes what needs no encoding is allowed by no expression."""
    path = routes.path_of(target)
    path = path[:-1] if len(path) > 1 and path.endswith(b"/") else path
    escapes = re.findall(rb"%([0-9A-Fa-f]{2})?", path)
    plain = all(escape and not re.fullmatch(rb"[A-Za-z0-9._~-]", bytes.fromhex(escape.decode())) for escape in escapes)
    found = any(re.fullmatch(expression.encode(), urllib.parse.unquote_to_bytes(path), re.DOTALL) for expression in rule["paths"])
    return found and (plain or rule["action"] != "allow")


def network(text):
    return ipaddress.ip_network(text, strict=False)
