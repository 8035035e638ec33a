import { execFileSync } from 'child_process';
import { describe, expect, it } from 'vitest';

import { curl, python } from './snippets';

const URL = 'http://127.0.0.1:1/endpoints/churn/invocations';
const HOSTILE = {
  dataframe_split: {
    columns: [`it's "$(id)" \\ \` \u202e 😀`, 'null'],
    data: [
      [null, true],
      [1.5, [false]]
    ]
  }
};

describe('a call to copy', () => {
  it('names the token and never holds it', () => {
    expect(curl(URL, {})).toContain('"Authorization: Bearer $MLOPS_TOKEN"');
    expect(python(URL, {})).toContain('os.environ["MLOPS_TOKEN"]');
  });

  it('as curl is one command whose data the shell leaves alone', () => {
    const printed = execFileSync(
      'sh',
      ['-c', `curl() { printf '%s' "$8"; }\n${curl(URL, HOSTILE)}`],
      { encoding: 'utf-8', env: { MLOPS_TOKEN: 'secret' } }
    );
    expect(JSON.parse(printed)).toEqual(HOSTILE);
  });

  it('shows no character that a terminal could take for another', () => {
    expect(curl(URL, HOSTILE)).toMatch(/^[\n -~]*$/);
    expect(python(URL, HOSTILE)).toMatch(/^[\n -~]*$/);
  });

  it('as Python has the data as Python writes it', () => {
    expect(python(URL, HOSTILE)).toContain('[[None, True], [1.5, [False]]]');
    expect(python(URL, HOSTILE)).toContain('"null"]');
  });
});
