// graphql.mjs KIT: compares requests, a JSON array of {query, variables} on stdin, with GitHub's own schema; says what does not fit.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
const need = createRequire(`${process.argv[2]}/package.json`);
const { buildSchema, parse, validate } = need('graphql');
const { getVariableValues } = need('graphql/execution/values');
const { schema: github } = await import(`${process.argv[2]}/node_modules/@octokit/graphql-schema/index.js`);
// GitHub's own text says a field of an unrelated type twice.
const schema = buildSchema(github.idl, { assumeValidSDL: true });
for (const { query, variables } of JSON.parse(readFileSync(0, 'utf8'))) {
  const document = parse(query);
  const wrong = validate(schema, document);
  if (!wrong.length) wrong.push(...(getVariableValues(schema, document.definitions[0].variableDefinitions ?? [], variables).errors ?? []));
  // What is passed and not declared is ignored by a server, and so by the above.
  const declared = new Set((document.definitions[0].variableDefinitions ?? []).map((one) => one.variable.name.value));
  for (const name of Object.keys(variables)) if (!declared.has(name)) wrong.push({ message: `$${name} is not declared` });
  for (const { message } of wrong) console.log(message);
}
