"""Which API a method and path reach, and how grave it is, as the databases choose: an implementation of their PathTrie of its own.

Both match the segments of the path as it was sent (percent-encoding kept), split at `/` as Java's String.split does: a leading empty segment and
all trailing ones vanish, those in between count. In each of four modes a literal segment beats a placeholder; the modes differ in where a placeholder
may stand for what is not there literally, and the first mode in which the method has a handler decides. Elasticsearch 7.10.2 knows mapping types
(`/{index}/{type}/{id}`), OpenSearch 2.19.1 does not. `test_policy.py` holds this against what both were measured to do.
"""
import csv
import pathlib
import re

# The body names the indices, and nobody looks at the one in the path (measured).
NAMES_IN_BODY = ([b"_bulk"], [b"_mget"], [b"_mtermvectors"], [b"_msearch"], [b"_msearch", b"template"])
CLASSES = ("info", "read", "write", "manage", "security")
EXPLICIT, ROOT, LEAF, ANY = range(4)


def templates():
    """[(method, path, {class, …})]: more than one class where one could argue."""
    with open(pathlib.Path(__file__).with_name("routes.csv"), encoding="utf-8") as lines:
        return [(row["method"].encode(), row["path"].encode(), frozenset(row["class"].split("|"))) for row in csv.DictReader(lines)]


class Node:
    def __init__(self):
        self.children, self.handlers = {}, None


class Router:
    def __init__(self, routes):
        self.root = Node()
        for method, path, what in routes:
            node, segments = self.root, split(path)[1:]
            for segment in segments:
                node = node.children.setdefault(b"*" if segment.startswith(b"{") else segment, Node())
            node.handlers = node.handlers or {}
            node.handlers[method] = (node.handlers.get(method, (frozenset(),))[0] | what, segments)

    def handler(self, method, path):
        """{class, …} of the API that runs, or None: then the database answers 400, 404 or 405."""
        segments = split(path)
        at = 1 if segments and not segments[0] else 0
        for mode in (EXPLICIT, ROOT, LEAF, ANY):
            handlers = self.root.handlers if not segments else retrieve(self.root, segments, at, mode)
            if handlers and method in handlers:
                what, template = handlers[method]
                for name, given, allowed in zip(template, segments[at:], (b"_all", b"_doc")):
                    if name in (b"{index}", b"{type}") and not may_be_called(given, allowed) and not names_in_body(template):
                        return None
                if method == b"GET" and template[-1:] == [b"{id}"] and segments[-1][:1] == b"_":
                    return None  # nobody calls a document like an API
                return what
        return None


def names_in_body(template):
    return any(template[-len(end):] == end for end in NAMES_IN_BODY)


def may_be_called(name, exception):
    """Neither an index nor a type begins with an underscore, but for one each: the database then answers 400 or finds nothing."""
    return re.sub(rb"%5[fF]", b"_", name[:3])[:1] != b"_" or name == exception


def split(path):
    segments = path.split(b"/")
    while segments and not segments[-1]:
        segments.pop()
    return segments


def retrieve(node, path, index, mode):
    if index >= len(path):
        return None
    token, last = path[index], index == len(path) - 1
    child = node.children.get(token)
    wildcard = node.children.get(b"*")
    if child is None:
        if not (mode == ANY or mode == ROOT and index == 1 or mode == LEAF and last) or wildcard is None:
            return None
        child, used_wildcard = wildcard, True
    elif last and child.handlers is None and wildcard is not None and mode not in (EXPLICIT, ROOT) \
            or index == 1 and child.handlers is None and wildcard is not None and mode == ROOT:
        child, used_wildcard = wildcard, True
    else:
        used_wildcard = token == b"*"
    if last:
        return child.handlers
    found = retrieve(child, path, index + 1, mode)
    if found is None and not used_wildcard and mode != EXPLICIT and wildcard is not None:
        found = retrieve(wildcard, path, index + 1, mode)
    return found


def path_of(target):
    """The path of a request target; of an absolute one, too, although both databases answer those with 400."""
    path = target.partition(b"?")[0]
    if path[:7].lower() == b"http://":
        return b"/" + path[7:].partition(b"/")[2]
    return path


class Databases:
    """What a request does to each database: an API's classes, None for nothing."""

    def __init__(self, routes=None):
        routes = templates() if routes is None else routes
        self.elasticsearch = Router(routes)
        self.opensearch = Router([route for route in routes if b"{type}" not in route[1]])

    def operations(self, method, target):
        """{database: {class, …} or None}. HEAD is what GET is; OPTIONS of a path only tells its methods."""
        path = path_of(target)
        if method == b"OPTIONS":
            done = frozenset({"info"}) if path in (b"*", b"/") else None
            return {"elasticsearch": done, "opensearch": done}
        method = b"GET" if method == b"HEAD" else method
        return {"elasticsearch": self.elasticsearch.handler(method, path), "opensearch": self.opensearch.handler(method, path)}


def settled(done):
    """[{class, …}] that count of what `operations` found. Where the databases do different things: the one that manages or more if one does, else
    `unknown`, since neither who may read nor who may write may do the other."""
    found = {classes for classes in done.values() if classes}
    if len(found) < 2 or frozenset.intersection(*found):
        return found
    grave = {classes for classes in found if classes & {"manage", "security"}}
    return grave or {frozenset({"unknown"})}
