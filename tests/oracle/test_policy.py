"""The whole policy, judged by a second implementation of it, which is itself held against what the databases were measured to do."""
import copy
import time

import pytest

import checker
import generate
import http_cases
import policy
import policy_cases
import routes
import tcp_cases
import wire

DATABASES = routes.Databases()


# (method, path, searched by Elasticsearch 7.10.2, by OpenSearch 2.19.1), as both were measured.
@pytest.mark.parametrize("method, path, elasticsearch, opensearch", [
    ("GET", "/_search", True, True), ("GET", "/_search/", True, True), ("GET", "//_search", True, True), ("GET", "/customers//_search", True, False),
    ("GET", "/customers/_doc/_search", True, False), ("GET", "/_all/_search", True, True), ("GET", "/*/_search", True, True), ("GET", "/%2A/_search", True, True),
    ("GET", "/%3Ccustomers%3E/_search", True, True), ("POST", "/_search", True, True), ("PUT", "/_search", False, False), ("DELETE", "/_search", False, False),
    ("GET", "/%5fsearch", False, False), ("GET", "/_se%61rch", False, False), ("GET", "/_search;a=b", False, False), ("GET", "/_search%3fsize=1", False, False), ("GET", "/_SEARCH", False, False),
    ("GET", "/customers%2f_search", False, False), ("GET", "/_customers/_search", False, False), ("GET", "/customers/_foo", False, False), ("PATCH", "/customers", False, False),
])
def test_the_routes_are_those_the_databases_were_measured_to_choose(method, path, elasticsearch, opensearch):
    done = DATABASES.operations(method.encode(), path.encode())
    assert {name: "read" in (classes or ()) for name, classes in done.items()} == {"elasticsearch": elasticsearch, "opensearch": opensearch}


def test_a_search_by_type_stores_a_document_where_there_are_no_types():
    assert DATABASES.operations(b"POST", b"/customers/_doc/_search") == {"elasticsearch": {"read"}, "opensearch": {"write"}}


# (method, path, what it was measured to be in Elasticsearch 7.10.2, in OpenSearch 2.19.1): documents of an index that only the body names were read and deleted.
@pytest.mark.parametrize("method, path, elasticsearch, opensearch", [
    ("GET", "/_alias/_mget", {"read"}, {"read"}), ("GET", "/_mapping/_msearch", {"read"}, {"read"}), ("GET", "/_alias/_search", None, None),
    ("GET", "/customers/_alias/_mget", {"read"}, {"info"}), ("POST", "/customers/_explain/_bulk", {"write"}, {"read"}),
])
def test_what_names_indices_in_its_body_runs_under_a_name_that_no_index_can_have(method, path, elasticsearch, opensearch):
    done = DATABASES.operations(method.encode(), path.encode())
    assert {name: classes and set(classes) for name, classes in done.items()} == {"elasticsearch": elasticsearch, "opensearch": opensearch}


def test_a_path_without_slash_is_routed():
    assert DATABASES.operations(b"GET", b"_cat/health") == {"elasticsearch": {"info"}, "opensearch": {"info"}}


DOCUMENT = {
    "version": 1, "zones": {"all": ["0.0.0.0/0"], "office": ["10.1.0.0/16"], "bastion": ["10.1.2.0/24"]},
    "services": {"db": {"protocol": "elasticsearch", "addresses": ["198.51.100.10"], "ports": [9200]}, "cache": {"protocol": "tcp", "addresses": ["198.51.100.10"], "ports": [6379]}},
    "rules": [{"id": "no-deletes", "from": ["office"], "to": ["db"], "credentials": "any", "methods": ["DELETE"], "action": "reject"},
              {"id": "reads", "from": ["office"], "to": ["db"], "credentials": "present", "operations": ["info", "read"], "action": "allow"},
              {"id": "probe", "from": ["all"], "to": ["db"], "credentials": "any", "operations": ["info"], "action": "allow"},
              {"id": "cache", "from": ["bastion"], "to": ["cache"], "action": "allow"}],
}


def request(method, target, credentials="good"):
    return checker.readers.Request(method.encode(), target.encode(), credentials)


@pytest.mark.parametrize("source, asked, passes", [
    ("10.1.9.9", request("GET", "/_search"), True), ("10.1.9.9", request("GET", "/_search", "none"), False), ("10.1.9.9", request("PUT", "/customers"), False),
    ("10.1.9.9", request("DELETE", "/customers"), False), ("10.1.2.9", request("GET", "/_search"), False), ("10.9.9.9", request("GET", "/_cluster/health", "none"), True),
    ("10.9.9.9", request("GET", "/_cluster/health", "malformed"), False), ("10.9.9.9", request("GET", "//_search", "good"), False), ("10.9.9.9", request("TRACE", "/"), False),
])
def test_the_second_implementation_reads_a_policy_as_its_page_says(source, asked, passes):
    model = policy.Policy(DOCUMENT)
    assert model.must_pass(source, "db", asked) == passes
    assert model.service("198.51.100.10", 6379) == ("cache", "tcp")
    assert [model.reachable(place, "cache", "tcp") for place in ("10.1.2.3", "10.1.3.3")] == [True, False]


def test_a_product_that_forwards_everything_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "replay", lambda frames, *_: frames)
    rng = http_cases.random_for(5, 0)
    cases = [policy_cases.Case(rng, DOCUMENT, number) for number in range(100)]
    model = policy.Policy(DOCUMENT)
    refused = {number for number, case in enumerate(cases) if case.expectation(model)[1] is False}
    assert refused and refused <= set(policy_cases.judge(DOCUMENT, cases, tmp_path))


def test_a_reader_of_indices_may_read_but_neither_write_nor_manage(tmp_path):
    """Through the data plane, one connection each."""
    wanted = {"GET /_cat/indices": True, "GET /customers/_search": True, "POST /_search": True, "HEAD /customers": True, "POST /customers/_doc": False, "PUT /customers": False, "DELETE /customers/_doc/1": False,
              "POST /_bulk": False, "POST /customers/_close": False, "GET /_security/user": False, "POST /customers/_delete_by_query": False, "GET /not/in/the/catalogue/at/all": False, "GET /customers/../_bulk": False}
    document = copy.deepcopy(tcp_cases.POLICY)
    document["rules"][0]["operations"] = ["info", "read"]
    cases = []
    for line in wanted:
        builder = tcp_cases.Builder(http_cases.random_for(0, 0), "never")
        builder.handshake()
        builder.client(0, line.encode() + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YTpi\r\n\r\n")
        cases.append(tcp_cases.Case("", False, builder.ops, b""))
    left = generate.replay([frame for number, case in enumerate(cases) for frame in case.frames(number)], document, tmp_path)
    arrived = {segment.source[0] for segment in map(wire.parse_tcp, left) if segment and segment.payload and segment.destination in tcp_cases.SERVICES}
    assert {line: case.client_address(number) in arrived for number, (line, case) in enumerate(zip(wanted, cases))} == wanted


@pytest.mark.parametrize("cases, seed", [(500, 20261124), (300, int(time.time()))])
def test_random_policies_are_kept_by_the_data_plane_and_told_by_observe_mode(cases, seed, tmp_path):
    said = []
    assert policy_cases.run(cases, seed, tmp_path, said.append) == 0, "\n".join(said)
