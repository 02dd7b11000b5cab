// Requests as npm `swagger-client` builds them. See README.md.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.env.GANTRY_CACHE}/npm/rest/`);
const { default: Client } = await import(pathToFileURL(require.resolve('swagger-client')));

const { spec, calls } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
for (const { operationId, parameters, requestBody, media } of calls) {
  const request = Client.buildRequest({ spec, operationId, parameters, requestBody, requestContentType: media });
  const { url, method, headers, body } = request;
  process.stdout.write(`${JSON.stringify({ url, method, headers, body })}\n`);
}
