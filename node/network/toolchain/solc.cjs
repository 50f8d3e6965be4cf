// The Solidity compiler as brownie expects it: a command that answers --version and --standard-json.
//
// The compiler itself is npm's `solc` (WebAssembly), because the usual installer downloads from a host that
// is no package registry. Imports are read relative to the project's root, never from outside of it; with
// --no-imports none is, for sources of strangers.
//
// Each file is compiled with what it imports and nothing else: the code that the optimiser makes depends on the numbers
// that the compiler gives to all that it reads, so that beside other files, or in a build of what changed only, the
// same contract would be other code, even too long to deploy. The files are shared among the cores.
'use strict';
const fs = require('fs');
const os = require('os');
const path = require('path');
const { isMainThread, parentPort, Worker } = require('worker_threads');

const root = path.resolve(__dirname, '..', '..', '..');
const MOST_WORKERS = 4; // each may take a gigabyte

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

// How many bytes of source a file's contracts are made of: about how long their code takes.
function weightOf(file, ast, contracts) {
  const made = ast.nodes.filter((node) => makesCode(node));
  return made.flatMap((node) => node.linearizedBaseContracts).reduce((sum, id) => sum + contracts.get(id), 0);
}

function makesCode(node) {
  return node.nodeType === 'ContractDefinition' && node.contractKind !== 'interface' && !node.abstract;
}

function contractsOf(ast) {
  return ast.nodes.filter((node) => node.nodeType === 'ContractDefinition');
}

// A file and all that it imports, directly or not.
function withImports(file, sources) {
  const found = new Set([file]);
  for (const each of found) {
    const imports = sources[each].ast.nodes.filter((node) => node.nodeType === 'ImportDirective');
    imports.forEach((node) => found.add(node.absolutePath));
  }
  return [...found].sort();
}

// What is compiled by itself, the longest first: an input for each file that has contracts of which something is asked.
function jobsOf(input, read) {
  const asts = Object.entries(read.sources).map(([file, { ast }]) => [file, ast]);
  const length = (node) => Number(node.src.split(':')[1]);
  const contracts = new Map(asts.flatMap(([, ast]) => contractsOf(ast).map((node) => [node.id, length(node)])));
  const jobs = [];
  for (const [file, ast] of asts) {
    const names = contractsOf(ast).map((node) => node.name);
    const wanted = Object.fromEntries(names.map((name) => [name, asked(input.settings?.outputSelection, file, name)]));
    if (!Object.values(wanted).some((each) => each.length > 0)) continue;
    const contents = withImports(file, read.sources).map((each) => [each, contentOf(input, each)]);
    const job = { ...selecting(input, { [file]: wanted }), sources: Object.fromEntries(contents) };
    jobs.push({ weight: weightOf(file, ast, contracts), job });
  }
  return jobs.sort((one, other) => other.weight - one.weight).map(({ job }) => job);
}

function contentOf(input, file) {
  const given = input.sources[file];
  return given?.content === undefined ? { content: readImport(file).contents } : { content: given.content };
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
  return shared ? compileFileByFile(input) : compile(input);
}

async function compileFileByFile(input) {
  const selection = input.settings?.outputSelection;
  const read = compile(selecting(input, { '*': { '': [...new Set(['ast', ...asked(selection, '*', '')])] } }));
  if ((read.errors ?? []).some((error) => error.severity === 'error')) return compile(input);
  const jobs = jobsOf(input, read);
  const workers = Math.min(os.availableParallelism(), MOST_WORKERS, jobs.length);
  const outputs = (await Promise.all(Array.from({ length: workers }, () => work(jobs)))).flat();
  return merged(input, read, outputs);
}

// One worker, given a job after another until none is left.
function work(jobs) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(__filename);
    const outputs = [];
    const next = () => {
      const job = jobs.shift();
      if (job !== undefined) return worker.postMessage(job);
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

// A source map (start:length:file:jump:depth;..., an empty field says "as before") with the files' numbers changed.
function renumbered(map, numbers) {
  const change = (each) => {
    const fields = each.split(':');
    if (fields[2]) fields[2] = String(numbers(Number(fields[2])));
    return fields.join(':');
  };
  return map.split(';').map(change).join(';');
}

// Puts the files' numbers of the whole input into what was compiled by itself. Sources that the compiler generated
// come after all others.
function renumber(output, sources) {
  const ids = new Map(Object.entries(output.sources).map(([file, { id }]) => [id, sources[file].id]));
  const generated = Object.keys(sources).length - ids.size;
  const numbers = (id) => (id < 0 ? id : (ids.get(id) ?? id + generated));
  for (const { evm } of Object.values(output.contracts ?? {}).flatMap((named) => Object.values(named))) {
    for (const code of [evm?.bytecode, evm?.deployedBytecode]) {
      if (code?.sourceMap) code.sourceMap = renumbered(code.sourceMap, numbers);
      for (const each of code?.generatedSources ?? []) each.id = numbers(each.id);
    }
  }
}

function merged(input, read, outputs) {
  const errors = new Map();
  const contracts = {};
  outputs.forEach((output) => renumber(output, read.sources));
  for (const output of [read, ...outputs]) {
    for (const error of output.errors ?? []) errors.set(JSON.stringify(error), error);
    Object.assign(contracts, output.contracts ?? {});
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
