"""The databases' own Python clients at work: client.py DATABASE HOST PORT USER PASSWORD"""
import sys

database, host, port, user, password = sys.argv[1:]
if database == "opensearch":
    from opensearchpy import OpenSearch as Client
    from opensearchpy import helpers
else:
    from elasticsearch import Elasticsearch as Client
    from elasticsearch import helpers

client = Client([{"host": host, "port": int(port)}], http_auth=(user, password), http_compress=False, timeout=60)
assert client.info()["version"]["number"]
client.indices.delete(index="from-python", ignore=404)
client.indices.create(index="from-python", body={"settings": {"number_of_replicas": 0}})
written, errors = helpers.bulk(client, ({"_index": "from-python", "_id": n, "n": n} for n in range(3000)), refresh=True, chunk_size=250)
assert written == 3000 and not errors
read = list(helpers.scan(client, index="python-cases", size=300, query={"query": {"match_all": {}}}))
client.index(index="from-python", id="x", body={"n": -1}, refresh=True)
assert client.search(index="from-python", body={"query": {"term": {"n": -1}}})["hits"]["total"]["value"] == 1
client.delete(index="from-python", id="x")
client.indices.delete(index="from-python")
print(f"{written} documents written, {len(read)} read")
