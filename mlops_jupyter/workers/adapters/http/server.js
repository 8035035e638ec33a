// A server that exists already: it listens on the Unix socket that it is told, is healthy once it
// answers GET /health with 200, and takes POST /predict with the body {"id", "rows", "inputs"}.
"use strict";
const http = require("http");

const predict = (inputs) => ({ y: inputs.x.map((value) => (value === null ? null : 2 * value)) });

const server = http.createServer((request, response) => {
  if (request.url === "/health") return response.end("ok");
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    let status = 200;
    let answer;
    try {
      const { id, inputs } = JSON.parse(Buffer.concat(parts));
      answer = { id, outputs: predict(inputs) };
    } catch (error) {
      status = 500;
      answer = { error: { class: error.name, message: error.message } };
    }
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(JSON.stringify(answer));
  });
});

server.listen(process.env.MLOPS_WORKER_SOCKET);
