// subset.mjs DESCRIPTION OUT PATHS: keeps the paths of an OpenAPI description that match an expression, and the components that they reach. The
// whole of GitHub's takes a proxy twice as long to read.
import { readFileSync, writeFileSync } from 'node:fs';
const [source, out, expression] = process.argv.slice(2);
const { openapi, info, servers, paths: all, components } = JSON.parse(readFileSync(source, 'utf8'));
const wanted = new RegExp(expression);
const paths = Object.fromEntries(Object.entries(all).filter(([path]) => wanted.test(path)));
const kept = {};
const queue = [paths];
const walk = (node) => {
  if (Array.isArray(node)) return node.forEach(walk);
  if (!node || typeof node !== 'object') return;
  if (typeof node.$ref === 'string' && node.$ref.startsWith('#/components/')) {
    const [, , kind, name] = node.$ref.split('/');
    if (!kept[kind]?.[name]) {
      (kept[kind] ??= {})[name] = components[kind][name];
      queue.push(components[kind][name]);
    }
  }
  Object.values(node).forEach(walk);
};
while (queue.length) walk(queue.pop());
writeFileSync(out, JSON.stringify({ openapi, info, servers, paths, components: kept }));
