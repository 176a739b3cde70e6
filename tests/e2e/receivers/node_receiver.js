// The reference's JavaScript receiver: compares the HMAC of JSON.stringify of the parsed body.
// Prints its port, then each verdict.
const crypto = require('crypto');
const http = require('http');

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    const expected = crypto.createHmac('sha256', process.env.WEBHOOK_SECRET).update(JSON.stringify(body)).digest('hex');
    const good = request.headers['x-exepron-signature'] === expected;
    console.log(good ? 'good' : 'bad');
    response.writeHead(good ? 200 : 401).end();
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
