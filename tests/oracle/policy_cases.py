"""Policies, and connections that try them, at random: zones within zones, services by address and port, rules on credentials, methods, operations and
paths, some of them expired; requests to every kind of API in plain and in odd spellings.

    python3 tests/oracle/policy_cases.py --cases 10000 --seed 1

SAFE     no reader of what left sees a request that the policy, read a second time by policy.py, denies for what a database would do with it
EXACT    a plain request that the policy lets through leaves byte for byte; of one that it denies the end never does; nothing reaches a service from a
         source that no rule could let in; a `tcp` service is all or nothing; other ports are nobody's business
REPORTED in observe mode everything leaves, and each plain request is reported as `allowed` or `would_deny`, with its operation
"""
import collections
import ipaddress
import json
import subprocess

import checker
import command
import generate
import http_cases
import policy
import routes
import tcp_cases
import wire

CASES_A_POLICY = 100
ZONES = {"everybody": ["0.0.0.0/0", "::/0"], "office": ["10.1.0.0/16", "2001:db8:1::/48"], "bastion": ["10.1.2.0/24"], "one": ["10.1.2.3/32", "2001:db8:1::7"], "half": ["10.128.0.0/9"]}
SOURCES = ("10.1.2.3", "10.1.2.4", "10.1.3.3", "10.2.0.1", "10.200.0.1", "203.0.113.9", "2001:db8:1::7", "2001:db8:1::8", "2001:db8:2::1")
SERVERS = ("198.51.100.10", "198.51.100.11", "198.51.100.12", "198.51.100.13", "2001:db8::10", "2001:db8::11")
PORTS = (9200, 9201, 9210, 6379)
INDICES = (b"customers", b"logs-2024.01", b"*", b"_all", b"a,b", b"%2A", b"%3Ccustomers%3E", b"cust*", b"-x,*")
NAMES = (b"1", b"a%20b", b"x-y_z", b"AVx1")
QUERIES = (b"", b"", b"", b"?pretty", b"?q=name:x&size=100", b"?format=json&v", b"?scroll=1m", b"?source=%7B%7D&source_content_type=application/json", b"?a=/../_search", b"?x=//y;z")
PATHS = ("/customers(/.*)?", "/[^_].*", "/_cat(/.*)?", "/.*", "/_?[a-z]+", "/(a,b|customers|logs-[0-9.]+)/_(search|doc/.+|count)", "/\\*/.*", "/<customers>/_(?i:SEARCH)", ".*_.{3,5}h", "/-.*|/_all.*")
TEMPLATES = routes.templates()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def random_policy(rng):
    names = sorted(rng.sample(sorted(ZONES), rng.randrange(1, len(ZONES) + 1)))
    services, free = {}, [(server, port) for server in SERVERS for port in PORTS]
    for number in range(rng.choice((1, 1, 2, 3))):
        ports = sorted(rng.sample(PORTS, rng.choice((1, 1, 2, 3))))
        if rng.random() < 0.2:
            candidates = ["198.51.100.12/31", "198.51.100.10/31", "2001:db8::10/127"]
        else:
            candidates = list(SERVERS)
        addresses = [a for a in rng.sample(candidates, rng.choice((1, 1, 2))) if all((str(host), port) in free for host in ipaddress.ip_network(a) for port in ports)]
        if not addresses:
            continue
        free = [(server, port) for server, port in free if not (port in ports and any(ipaddress.ip_address(server) in ipaddress.ip_network(a) for a in addresses))]
        services[f"s{number}"] = {"protocol": "tcp" if rng.random() < 0.2 else "elasticsearch", "addresses": addresses, "ports": ports}
    rules = []
    for number in range(rng.choice((0, 1, 1, 2, 3, 4, 6))):
        first = rng.choice(sorted(services))
        protocol = services[first]["protocol"]
        rule = {"id": f"r{number}", "from": sorted(rng.sample(names, rng.randrange(1, len(names) + 1))),
                "to": sorted(name for name in services if name == first or services[name]["protocol"] == protocol and rng.random() < 0.5),
                "action": "allow" if rng.random() < 0.75 else rng.choice(("reject", "reset", "drop"))}
        if protocol == "elasticsearch":
            rule["credentials"] = rng.choice(("present", "present", "any"))
            if rng.random() < 0.7:
                rule["operations"] = sorted(rng.sample(routes.CLASSES, rng.choice((1, 2, 2, 3, 4))), key=routes.CLASSES.index)
            if rng.random() < 0.3:
                rule["methods"] = sorted(rng.sample(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"), rng.choice((1, 2, 3))))
            if rng.random() < 0.3:
                rule["paths"] = rng.sample(PATHS, rng.choice((1, 1, 2)))
        if rng.random() < 0.15:
            rule |= {"expires": rng.choice(("1999-12-31T23:59:59Z", "2199-12-31T23:59:59+01:00")), "owner": "somebody", "reason": "a test"}
        if rule["action"] != "allow" and rng.random() < 0.2:
            rule["mode"] = "observe"
        rules.append(rule)
    return {"version": 1, "mode": "enforce", "zones": {name: ZONES[name] for name in names}, "services": services, "rules": rules,
            "default": {"action": rng.choice(("reject", "reset", "drop"))}}


def random_path(rng):
    """(method, path, plain?)"""
    method, template, _ = rng.choice(TEMPLATES)
    path, plain = template, True
    for name in (b"{index}",):
        path = path.replace(name, rng.choice(INDICES))
    path = path.replace(b"{type}", rng.choice((b"_doc", b"doc", b"customer")))
    while b"{" in path:
        start, end = path.index(b"{"), path.index(b"}") + 1
        path = path[:start] + rng.choice(NAMES) + path[end:]
    if rng.random() < 0.25:
        method = rng.choice((b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH", b"TRACE"))
        plain = False  # may reach what routes.csv does not list
    if path == b"*":
        return b"OPTIONS", path, True
    kind = rng.randrange(30)
    if kind < 12:
        plain = False
        parts = path.split(b"/")
        place = rng.randrange(1, len(parts))
        odd = (b"", b".", b"..", b"x/..", b"%2e", b"%2e%2e", b"%2E%2e", b"%2f", b"%5c", b";a=b", b"%252e", b"%c0%ae", b"%00", b"%20", b"_all", b"*")
        if kind < 5:
            parts.insert(place, rng.choice(odd))
            path = b"/".join(parts)
        elif kind == 5:
            path = rng.choice((path + b"//", path + b"/", path + b"/.", path + b"/..", b"/" + path, b"///" + path, path[1:] or b"/", b"\\" + path[1:], path.replace(b"/", b"//"), path + b";x", path + b"#x"))
        elif kind == 6:
            path = path.replace(b"_", rng.choice((b"%5f", b"%5F", b"%255f", b"__")))
        elif kind == 7:
            at = rng.randrange(1, len(path) + 1)
            path = path[:at] + b"%%%02x" % path[at % len(path)] + path[at + 1:]
        elif kind == 8:
            path = rng.choice((b"http://x:9200", b"HTTP://x", b"http://a@b", b"https://x", b"http:/")) + path
        elif kind == 9:
            path = path.upper() if rng.random() < 0.5 else path.swapcase()
        elif kind == 10:
            parts[place] = rng.choice((b"_search", b"_bulk", b"_doc", b"_mapping", b"_security", b"_cat", b"_all", b"*", b"_nodes", b"_snapshot", b"_update", b"_close", b"x", b"_mget", b"_msearch", b"_alias", b"_explain"))
            path = b"/".join(parts)
        else:
            path += rng.choice((b"/_search", b"/1", b"/_doc", b"/_close", b"/x/y", b"/_mapping", b"/_source", b"/_bulk", b"/_mget", b"/_msearch"))
    return method, path, plain


def random_request(rng):
    """(bytes, method, target, credentials, plain?)"""
    method, path, plain = random_path(rng)
    target = path if path == b"*" else path + rng.choice(QUERIES)
    kind = rng.choice(("good", "good", "good", "good", "none", "none", "malformed", "other"))
    lines = [b"Host: x", *(http_cases.field(rng) for _ in range(rng.choice((0, 1, 3))))]
    if kind == "good":
        lines.append(http_cases.credentials(rng))
    elif kind == "malformed":
        lines.append(rng.choice((b"Authorization: Basic", b"Authorization: Basic YTpi\r\nAuthorization: Basic YTpi", b"authorization: Bearer", b"Authorization: Basic a b")))
    elif kind == "other":
        lines.append(rng.choice((b"Authorization: Digest a=b", b"Authorization: Negotiate YTpi", b"Authorization: ")))
    body = b""
    if method in (b"POST", b"PUT", b"DELETE", b"PATCH", b"GET") and rng.random() < (0.6 if kind == "good" else 0.1):
        body = rng.choice((b"{}", b'{"query":{"match_all":{}}}\n', http_cases.hidden(rng, b"/customers"), b"0\r\n\r\n" + http_cases.hidden(rng, b"/_security/user")))
        if rng.random() < 0.3:
            lines.append(b"Transfer-Encoding: chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        else:
            lines.append(b"Content-Length: %d" % len(body))
        plain &= kind == "good"  # nobody may send a body without credentials
    rng.shuffle(lines)
    version = b"HTTP/1.1"
    if rng.random() < 0.05 and b"Transfer-Encoding: chunked" not in lines:
        version = b"HTTP/1.0"
        lines.append(b"Connection: keep-alive")
    if method in (b"TRACE", b"PATCH"):
        plain = False
    text = method + b" " + target + b" " + version + b"\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + body
    return text, method, target, kind, plain


class Case:
    """One connection: `requests` as of random_request, one after the other."""

    def __init__(self, rng, document, number):
        places = [(str(host), port) for service in document["services"].values() for a in service["addresses"] for host in ipaddress.ip_network(a) for port in service["ports"]]
        place = rng.choice(places) if rng.random() < 0.9 else (rng.choice(SERVERS), rng.choice(PORTS + (80,)))
        version = ipaddress.ip_address(place[0]).version
        self.source = rng.choice([text for text in SOURCES if ipaddress.ip_address(text).version == version])
        self.server = place
        self.requests = [random_request(rng) for _ in range(rng.choice((1, 1, 2, 3)))]
        self.ends = ((wire.address(self.source), 10_000 + number), (wire.address(place[0]), place[1]))
        builder = tcp_cases.Builder(rng, "never")
        builder.handshake()
        at, together = 0, rng.random() < 0.3 and all(kind == "good" for *_, kind, _ in self.requests)
        for text, *_ in [(b"".join(request[0] for request in self.requests),)] if together else self.requests:
            for start, end in tcp_cases.cuts(rng, len(text)):
                builder.client(at + start, text[start:end])
            at += len(text)
            builder.edge = at
            for request in self.requests if together else (0,):
                builder.answer(ANSWER)
        self.case = tcp_cases.Case("policy", False, builder.ops, b"".join(request[0] for request in self.requests), isn=rng.randrange(1 << 32), server_isn=rng.randrange(1 << 32),
                                   v6=version == 6, ends=self.ends)
        self.frames = self.case.frames(number)

    def expectation(self, model):
        """(end, known): bytes of the stream up to the end of what must leave; None as `known` if nobody can say more, else whether all of it does."""
        name, protocol = model.service(*self.server)
        if name is None:
            return len(self.case.stream), True
        if not model.reachable(self.source, name, protocol):
            return 0, False
        if protocol == "tcp":
            return len(self.case.stream), True
        end = 0
        for text, method, target, kind, plain in self.requests:
            request = checker.readers.Request(method, target, "none" if kind == "other" else kind)
            if plain and model.must_pass(self.source, name, request):
                end += len(text)
            elif plain and model.verdicts(self.source, name, request) == {frozenset({policy.DENIES})}:
                return end, False
            else:
                return end, None
        return end, True


def judge(document, cases, folder):
    """{number: complaint}"""
    model = policy.Policy(document)
    wrong = {}
    frames = [frame for case in cases for frame in case.frames]
    left = generate.replay(frames, document, folder)
    names = {end: model.service(str(ipaddress.ip_address(end[0])), end[1]) for end in {case.ends[1] for case in cases}}
    guarded = {end for end, (name, protocol) in names.items() if protocol == "elasticsearch"}
    by_client = {case.ends[0]: number for number, case in enumerate(cases)}

    def denies(client, server, request):
        return model.slips(str(ipaddress.ip_address(client[0])), names[server][0], request)

    for violation in checker.check(left, guarded, ("h11", "llhttp-lenient"), denies):
        wrong.setdefault(by_client.get(violation.client, -1), f"slipped: {violation}")
    mine = collections.defaultdict(list)
    for frame in left:
        segment = wire.parse_tcp(frame)
        mine[by_client[segment.source if segment.source in by_client else segment.destination]].append(frame)
    everywhere = {case.ends[1] for case in cases}
    found, _ = checker.connections(left, everywhere)
    for number, case in enumerate(cases):
        end, known = case.expectation(model)
        if known and mine[number] != case.frames:
            wrong.setdefault(number, f"cut: {len(mine[number])} of {len(case.frames)} frames left{generate._told((collections.Counter(mine[number]) - collections.Counter(case.frames)).elements())}")
        streams = {stream for connection in [found.get(case.ends)] if connection for stream, _ in checker.streams(connection)} | {b""}
        longest = max(streams, key=len)
        if known is None:
            if len(longest) < end:
                wrong.setdefault(number, f"cut: {len(longest)} bytes left, {end} may for certain")
        elif not known:
            if end == 0 and not model.reachable(case.source, *names[case.ends[1]]):
                if any(segment.destination == case.ends[1] and not segment.flags & wire.RST for segment in map(wire.parse_tcp, mine[number])):
                    wrong.setdefault(number, "a source that no rule lets in reached the service")
            elif not end <= len(longest) < len(case.case.stream):
                wrong.setdefault(number, f"{len(longest)} bytes left, those of the requests before the denied one are {end}")
    for number, complaint in judge_observed(model, document, cases, frames, folder).items():
        wrong.setdefault(number, complaint)
    return wrong


def judge_observed(model, document, cases, frames, folder):
    """{number: complaint}: the same policy in observe mode."""
    (folder / "observe.json").write_text(json.dumps(document))
    wire.write_pcap(folder / "observe.pcap", frames)
    out = folder / "observed"
    done = subprocess.run([generate.BIN / "springlatch", "replay", folder / "observe.pcap", "--policy", folder / "observe.json", "--out", out, "--observe"], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        return {-1: f"springlatch replay ended with {done.returncode}: {done.stderr[-500:]}"}
    if [frame for _, frame in wire.read_pcap(out / "forwarded.pcap")] != frames:
        return {-1: "observe mode changed what leaves"}
    by_client = {case.ends[0]: number for number, case in enumerate(cases)}
    told, wrong = collections.defaultdict(list), {}
    for line in (out / "events.ndjson").read_text().splitlines():
        event = json.loads(line)
        client = (wire.address(event["source"]["ip"]), event["source"]["port"])
        if event["event"]["action"] == "denied":
            wrong.setdefault(by_client.get(client, -1), f"observe mode denied: {line}")
        if "request" in event.get("http", {}):
            told[by_client[client]].append(event)
    databases = model.databases
    for number, case in enumerate(cases):
        name, protocol = model.service(*case.server)
        if protocol != "elasticsearch" or not all(plain for *_, plain in case.requests):
            continue
        events = told[number]
        if len(events) != len(case.requests):
            wrong.setdefault(number, f"{len(events)} requests reported of {len(case.requests)}")
            continue
        for event, (text, method, target, kind, _) in zip(events, case.requests):
            request = checker.readers.Request(method, target, "none" if kind == "other" else kind)
            verdicts = model.verdicts(case.source, name, request)
            action, operation = event["event"]["action"], event["springlatch"]["operation"]
            expected = {frozenset({policy.FORWARDS}): "allowed", frozenset({policy.DENIES}): "would_deny"}.get(next(iter(verdicts)) if len(verdicts) == 1 else None)
            if expected == "allowed" and action != "allowed" and any(rule.get("mode") == "observe" for rule in document["rules"]):
                expected = None  # forwarded by a rule on trial, which reports
            if expected and action != expected:
                wrong.setdefault(number, f"reported as {action}, the policy says {expected}: {text[:200]!r}")
            classes = frozenset().union(*routes.settled(databases.operations(method, target)))
            if operation not in classes:
                wrong.setdefault(number, f"{method.decode()} {target.decode('latin-1')} is classed {operation}, not {sorted(classes)}")
    return wrong


def run(count, seed, folder, report=print, mistakes_max=10):
    """Number of connections that went wrong."""
    mistakes = 0
    totals = collections.Counter()
    for batch in range((count + CASES_A_POLICY - 1) // CASES_A_POLICY):
        rng = http_cases.random_for(seed, batch)
        document = random_policy(rng)
        cases = [Case(rng, document, number) for number in range(CASES_A_POLICY)]
        model = policy.Policy(document)
        totals.update({True: "must leave", False: "must not", None: "must not slip"}[case.expectation(model)[1]] for case in cases)
        for number, complaint in judge(document, cases, folder).items():
            mistakes += 1
            if mistakes <= mistakes_max:
                report(f"policy {batch} of seed {seed}, connection {number}: {complaint}")
                if number >= 0:
                    case = cases[number]
                    report(f"    {case.source} -> {case.server}, {json.dumps(document)}")
                    report("    " + "\n    ".join(repr(request) for request in case.requests))
    report(f"{sum(totals.values())} connections under {(count + CASES_A_POLICY - 1) // CASES_A_POLICY} policies ({dict(totals)}), {mistakes} went wrong")
    return mistakes


if __name__ == "__main__":
    command.run_by_hand(run, __doc__)
