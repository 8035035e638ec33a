/** Programs that call an endpoint, to paste elsewhere. No secret is in them. */

/** A command for any POSIX shell. */
export function curl(url: string, body: unknown): string {
  return [
    `curl -sS ${quote(url)} \\`,
    '  -H "Authorization: Bearer $MLOPS_TOKEN" \\',
    "  -H 'Content-Type: application/json' \\",
    `  -d ${quote(ascii(JSON.stringify(body)))}`
  ].join('\n');
}

/** A program of nothing but Python's standard library. */
export function python(url: string, body: unknown): string {
  return `import json
import os
import urllib.request

data = ${literal(body)}
request = urllib.request.Request(
    ${literal(url)},
    data=json.dumps(data).encode(),
    headers={
        "Authorization": "Bearer " + os.environ["MLOPS_TOKEN"],
        "Content-Type": "application/json",
    },
)
with urllib.request.urlopen(request, timeout=60) as response:
    print(json.load(response))
`;
}

function quote(text: string): string {
  return `'${text.replace(/'/g, `'\\''`)}'`;
}

/** JSON text without characters that a terminal or an editor could show as something else. */
function ascii(json: string): string {
  return json.replace(
    /[\u007f-\uffff]/g,
    char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  );
}

/** A JSON value as Python writes it; a string of JSON is one of Python once it is ASCII. */
function literal(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(literal).join(', ')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const items = Object.entries(value).map(
      ([key, one]) => `${literal(key)}: ${literal(one)}`
    );
    return `{${items.join(', ')}}`;
  }
  switch (value) {
    case null:
      return 'None';
    case true:
      return 'True';
    case false:
      return 'False';
    default:
      return ascii(JSON.stringify(value));
  }
}
