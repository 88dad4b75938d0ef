// Reads streams (4 bytes length, bytes) from standard input and prints one line of JSON for each: the requests Node's server, in its lenient mode, reads in it.
const http = require('http');
const {Duplex} = require('stream');

const input = require('fs').readFileSync(0);
async function read(stream) {
  const requests = [];
  const server = http.createServer({insecureHTTPParser: true, requireHostHeader: false, keepAliveTimeout: 0, connectionsCheckingInterval: 1 << 30});
  const take = (request, response) => {
    const authorization = [];
    for (let i = 0; i < request.rawHeaders.length; i += 2) {
      if (request.rawHeaders[i].toLowerCase() === 'authorization') authorization.push(request.rawHeaders[i + 1]);
    }
    requests.push({method: request.method, target: request.url, authorization});
    request.resume();
    if (response && response.end) response.end();
  };
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, take);
  for (const event of ['connect', 'upgrade']) server.on(event, (request) => take(request));
  server.on('clientError', (error, socket) => socket.destroy());
  const socket = new Duplex({read() {}, write(chunk, encoding, done) { done(); }});
  socket.on('error', () => {});
  socket.setTimeout = socket.setNoDelay = socket.setKeepAlive = socket.ref = socket.unref = () => socket;
  server.emit('connection', socket);
  socket.push(stream);
  for (let turn = 0; turn < 4; ++turn) await new Promise(setImmediate);
  for (let before = -1; before !== requests.length;) {
    before = requests.length;
    for (let turn = 0; turn < 4; ++turn) await new Promise(setImmediate);
  }
  socket.destroy();
  server.close();
  return requests;
}
(async () => {
  for (let at = 0; at + 4 <= input.length;) {
    const length = input.readUInt32BE(at);
    const requests = await read(input.subarray(at + 4, at + 4 + length));
    process.stdout.write(JSON.stringify(requests) + '\n');
    at += 4 + length;
  }
})();
