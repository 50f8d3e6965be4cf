// The Solidity compiler as brownie expects it: a command that answers --version and --standard-json.
//
// The compiler itself is npm's `solc` (WebAssembly), because the usual installer downloads from a host that
// is no package registry. Imports are read relative to the project's root, never from outside of it; with
// --no-imports none is, for sources of strangers.
'use strict';
const fs = require('fs');
const path = require('path');

const root = path.resolve(__dirname, '..', '..', '..');
const solc = require(path.join(root, 'node_modules', 'solc'));

function readImport(name) {
  const file = path.resolve(root, name);
  if (!file.startsWith(root + path.sep)) return { error: `${name} lies outside of the project` };
  try {
    return { contents: fs.readFileSync(file, 'utf8') };
  } catch (error) {
    return { error: `${name} cannot be read: ${error.message}` };
  }
}

function main(args) {
  if (args.includes('--version')) {
    // solc-js says 0.8.30+commit.73712a01.Emscripten.clang
    process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
    return;
  }
  if (!args.includes('--standard-json')) {
    process.stderr.write('this compiler reads standard JSON on its input: --standard-json\n');
    process.exitCode = 1;
    return;
  }
  const input = fs.readFileSync(0, 'utf8');
  fs.writeSync(1, ''); // opens stdout before the long work, so that a closed pipe is noticed early
  process.stdout.write(solc.compile(input, args.includes('--no-imports') ? undefined : { import: readImport }));
}

main(process.argv.slice(2));
