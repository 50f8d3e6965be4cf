// The Solidity compiler as brownie expects it: a command that answers --version and --standard-json.
//
// The compiler itself is npm's `solc` (WebAssembly), because the usual installer downloads from a host that
// is no package registry. Imports are read relative to the project's root, never from outside of it; with
// --no-imports none is, for sources of strangers.
//
// Nearly all of the time goes into making code, one contract after another, so that is shared among the cores:
// each gets all sources, since a contract's code depends on the numbers that the compiler gives to what it reads,
// and is asked for the code of its contracts alone. The output is the same as that of one run, byte by byte.
'use strict';
const fs = require('fs');
const os = require('os');
const path = require('path');
const { isMainThread, parentPort, Worker } = require('worker_threads');

const root = path.resolve(__dirname, '..', '..', '..');
const MOST_WORKERS = 4; // each may take a gigabyte
const SHARES_A_WORKER = 3; // small enough that none ends long before the others
const FEWEST = 4; // contracts that are worth a second worker

function readImport(name) {
  const file = path.resolve(root, name);
  if (!file.startsWith(root + path.sep)) return { error: `${name} lies outside of the project` };
  try {
    return { contents: fs.readFileSync(file, 'utf8') };
  } catch (error) {
    return { error: `${name} cannot be read: ${error.message}` };
  }
}

// only when it is needed: to load it takes a second
function compiler() {
  return require(path.join(root, 'node_modules', 'solc'));
}

function compile(input) {
  return JSON.parse(compiler().compile(JSON.stringify(input), { import: readImport }));
}

function selecting(input, outputSelection) {
  return { ...input, settings: { ...input.settings, outputSelection } };
}

// What is asked of a file ('' as the name) or of a contract, in the standard's ways of saying "all".
function asked(selection, file, name) {
  const names = name === '' ? [''] : [name, '*'];
  return [...new Set([file, '*'].flatMap((key) => names.flatMap((each) => selection?.[key]?.[each] ?? [])))];
}

// The contracts as groups that need each other's code (`new Other()`), with how many bytes of source each is made of.
function groupsOf(sources) {
  const contracts = new Map();
  for (const [file, { ast }] of Object.entries(sources)) {
    for (const node of ast.nodes.filter((each) => each.nodeType === 'ContractDefinition')) {
      contracts.set(node.id, { file, node });
    }
  }
  const leader = new Map([...contracts.keys()].map((id) => [id, id]));
  const find = (id) => (leader.get(id) === id ? id : find(leader.get(id)));
  for (const [id, { node }] of contracts) node.contractDependencies.forEach((other) => leader.set(find(other), find(id)));
  const length = (node) => Number(node.src.split(':')[1]);
  const groups = new Map();
  for (const [id, { file, node }] of contracts) {
    const group = groups.get(find(id)) ?? { weight: 0, contracts: [] };
    const makesCode = node.contractKind === 'contract' && !node.abstract;
    const parts = makesCode ? node.linearizedBaseContracts : [];
    group.weight += parts.reduce((sum, base) => sum + length(contracts.get(base).node), 0);
    group.contracts.push([file, node.name]);
    groups.set(find(id), group);
  }
  return [...groups.values()].sort((one, other) => other.weight - one.weight);
}

// Selections for so many shares, the heaviest first, each group going to the share that has least so far.
function sharesOf(groups, selection, count) {
  const shares = Array.from({ length: count }, () => ({ weight: 0, selection: {} }));
  for (const group of groups) {
    const share = shares.reduce((least, each) => (each.weight < least.weight ? each : least));
    share.weight += group.weight;
    for (const [file, name] of group.contracts) (share.selection[file] ??= {})[name] = asked(selection, file, name);
  }
  return shares.sort((one, other) => other.weight - one.weight).map((share) => share.selection);
}

// Whatever is not plainly a project of Solidity is the compiler's own to judge.
async function output(text) {
  let input;
  try {
    input = JSON.parse(text);
  } catch {
    return JSON.parse(compiler().compile(text));
  }
  const shared = input?.language === 'Solidity' && input.sources && input.settings?.stopAfter === undefined;
  return shared ? compileSideBySide(input) : compile(input);
}

async function compileSideBySide(input) {
  const selection = input.settings?.outputSelection;
  const read = compile(selecting(input, { '*': { '': [...new Set(['ast', ...asked(selection, '*', '')])] } }));
  const failed = (read.errors ?? []).some((error) => error.severity === 'error');
  const groups = failed ? [] : groupsOf(read.sources);
  const workers = Math.min(os.availableParallelism(), MOST_WORKERS);
  if (failed || workers === 1 || groups.length < FEWEST) return compile(input);
  const shares = sharesOf(groups, selection, workers * SHARES_A_WORKER);
  const outputs = (await Promise.all(Array.from({ length: workers }, () => work(input, shares)))).flat();
  return merged(input, read, outputs);
}

// One worker, given a share after another until none is left.
function work(input, shares) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(__filename);
    const outputs = [];
    const next = () => {
      const share = shares.shift();
      if (share !== undefined) return worker.postMessage(selecting(input, share));
      worker.terminate();
      resolve(outputs);
    };
    worker.on('message', (output) => {
      outputs.push(output);
      next();
    });
    worker.on('error', reject);
    next();
  });
}

function merged(input, read, outputs) {
  const errors = new Map();
  const contracts = {};
  for (const output of [read, ...outputs]) {
    for (const error of output.errors ?? []) errors.set(JSON.stringify(error), error);
    for (const [file, named] of Object.entries(output.contracts ?? {})) Object.assign((contracts[file] ??= {}), named);
  }
  const sources = Object.fromEntries(
    Object.entries(read.sources).map(([file, source]) => {
      const wanted = asked(input.settings?.outputSelection, file, '').includes('ast');
      return [file, wanted ? source : { id: source.id }];
    }),
  );
  return { contracts, sources, ...(errors.size > 0 ? { errors: [...errors.values()] } : {}) };
}

async function main(args) {
  if (args.includes('--version')) {
    // solc-js says 0.8.30+commit.73712a01.Emscripten.clang
    process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${compiler().version()}\n`);
    return;
  }
  if (!args.includes('--standard-json')) {
    process.stderr.write('this compiler reads standard JSON on its input: --standard-json\n');
    process.exitCode = 1;
    return;
  }
  const input = fs.readFileSync(0, 'utf8');
  fs.writeSync(1, ''); // opens stdout before the long work, so that a closed pipe is noticed early
  // strangers have one core
  const alone = args.includes('--no-imports');
  process.stdout.write(alone ? compiler().compile(input) : JSON.stringify(await output(input)));
}

if (isMainThread) main(process.argv.slice(2));
else parentPort.on('message', (input) => parentPort.postMessage(compile(input)));
