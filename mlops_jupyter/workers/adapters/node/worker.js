// Speaks JSON lines with the hub; what the model is stands in model.js.
"use strict";
const readline = require("readline");

// what the model prints belongs into the log: standard output is for answers
console.log = console.info = console.debug = console.error;

const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");

async function answer(predict, request) {
  try {
    return { id: request.id, outputs: await predict(request.inputs, request.rows, request.params) };
  } catch (error) {
    console.error(error);
    return { id: request.id, error: { class: error.name, message: error.message } };
  }
}

async function main() {
  const predict = await require("./model.js");
  say({ ready: true });
  for await (const line of readline.createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    say(await answer(predict, JSON.parse(line)));
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
