// The databases' own JavaScript clients at work: client.js DATABASE URL USER PASSWORD
const assert = require("assert");

const [database, node, username, password] = process.argv.slice(2);
const { Client } = require(database === "opensearch" ? "@opensearch-project/opensearch" : "@elastic/elasticsearch");
const client = new Client({ node, auth: { username, password } });

async function work() {
  await client.info();
  await client.indices.delete({ index: "from-javascript" }, { ignore: [404] });
  const lines = [];
  for (let n = 0; n < 3000; n++) lines.push({ index: { _index: "from-javascript", _id: String(n) } }, { n });
  const bulk = await client.bulk({ refresh: true, body: lines });
  assert(!bulk.body.errors);
  const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => client.search({ index: "javascript-cases", body: { size: 100, from: n * 100 } })));
  const read = answers.reduce((sum, answer) => sum + answer.body.hits.hits.length, 0);
  await client.indices.delete({ index: "from-javascript" });
  console.log(`${lines.length / 2} documents written, ${read} read over several connections`);
}

work().catch((error) => {
  console.error(error);
  process.exit(1);
});
