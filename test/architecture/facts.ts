// Reads from TypeScript's own syntax trees what the rules ask about: imports, globals, clocks, SQL.
import { API } from "typescript/unstable/sync";
import { createVirtualFileSystem } from "typescript/unstable/fs";
import * as ts from "typescript/unstable/ast";

export type Use = { what: string; line: number };
export type Facts = {
  file: string;
  lines: number;
  /** Module specifiers of every form of import and re-export, types and `import()` included. */
  imports: Use[];
  /** Names that stand for themselves: not properties, not keys. */
  names: Use[];
  /** `Date.now`, `Math.random`, and a `Date` made from nothing. */
  clocks: Use[];
  /** `console.x`; handing `console` itself to a stub is none. */
  prints: Use[];
  /** The beginnings of strings that are SQL or CQL. */
  sql: Use[];
};

const SQL = new RegExp([
  "select\\s[\\s\\S]*\\sfrom\\s", "insert\\s+(or\\s+\\w+\\s+)?into\\s", "update\\s+\\S+\\s+(using\\s.*)?set\\s", "delete\\s(.*\\s)?from\\s",
  "replace\\s+into\\s", "(create|alter|drop)\\s+(unique\\s+|virtual\\s+|temp\\s+)?(table|index|trigger|view|keyspace|type)\\s",
  "pragma\\s+\\w", "with\\s+\\w+\\s+as\\s*\\(", "truncate\\s+\\w", "begin\\s+(unlogged\\s+)?batch\\b",
].map((form) => `^\\s*${form}`).join("|"), "i");

/** A template's text with a gap for each value. */
function textOf(node: ts.Node): string | null {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (ts.isTemplateExpression(node)) return node.head.text + node.templateSpans.map((span) => `?${span.literal.text}`).join("");
  return null;
}

function importOf(node: ts.Node): string | null {
  if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) return textOf(node.moduleSpecifier);
  if (ts.isExternalModuleReference(node)) return textOf(node.expression);
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return textOf(node.argument.literal);
  if (!ts.isCallExpression(node)) return null;
  const called = node.expression;
  const loads = called.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(called) && called.text === "require");
  const [wanted] = node.arguments;
  // A computed name can't be held against the table, so it counts as foreign.
  return loads ? (wanted === undefined ? null : textOf(wanted)) ?? "(computed)" : null;
}

function standsForItself(node: ts.Identifier): boolean {
  const parent = node.parent;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isQualifiedName(parent)) return parent.left === node;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  return !("name" in parent && parent.name === node) && !("propertyName" in parent && parent.propertyName === node);
}

function isNamed(node: ts.Node, name: string): boolean {
  return ts.isIdentifier(node) && node.text === name;
}

function clockOf(node: ts.Node): string | null {
  if (ts.isPropertyAccessExpression(node)) {
    if (isNamed(node.expression, "Date") && node.name.text === "now") return "Date.now";
    if (isNamed(node.expression, "Math") && node.name.text === "random") return "Math.random";
  }
  if (ts.isNewExpression(node) && isNamed(node.expression, "Date") && (node.arguments?.length ?? 0) === 0) return "new Date()";
  if (ts.isCallExpression(node) && isNamed(node.expression, "Date")) return "Date()";
  return null;
}

function factsOf(file: string, source: ts.SourceFile): Facts {
  const facts: Facts = { file, lines: source.text.trimEnd().split("\n").length, imports: [], names: [], clocks: [], prints: [], sql: [] };
  const note = (list: Use[], what: string | null, node: ts.Node): void => {
    if (what !== null) list.push({ what, line: source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1 });
  };
  const visit = (node: ts.Node): void => {
    note(facts.imports, importOf(node), node);
    note(facts.clocks, clockOf(node), node);
    if (ts.isPropertyAccessExpression(node) && isNamed(node.expression, "console")) note(facts.prints, `console.${node.name.text}`, node);
    if (ts.isIdentifier(node) && standsForItself(node)) note(facts.names, node.text, node);
    const text = textOf(node);
    if (text !== null && SQL.test(text)) note(facts.sql, text.trim().slice(0, 40), node);
    node.forEachChild((child) => {
      visit(child);
      return undefined;
    });
  };
  visit(source);
  return facts;
}

const files = createVirtualFileSystem({});
/** One for all trees: each new one is a process. It ends with this process. */
const parser = new API({ cwd: "/", fs: files });
let trees = 0;

/** `tree`: path inside the project → content. Throws when a file can't be parsed. */
export function readFacts(tree: ReadonlyMap<string, string>): Facts[] {
  trees += 1;
  const root = `/tree-${trees}`;
  const config = `${root}/tsconfig.json`;
  const compilerOptions = { noLib: true, noResolve: true, types: [], allowJs: true, allowImportingTsExtensions: true, noEmit: true, module: "esnext" };
  files.writeFile?.(config, JSON.stringify({ compilerOptions, files: [...tree.keys()] }));
  for (const [name, content] of tree) files.writeFile?.(`${root}/${name}`, content);
  const program = parser.updateSnapshot({ openProjects: [config] }).getProject(config)?.program;
  return [...tree.keys()].map((name) => {
    const source = program?.getSourceFile(`${root}/${name}`);
    if (program === undefined || source === undefined) throw new Error(`${name} was not parsed`);
    if (program.getSyntacticDiagnostics(`${root}/${name}`).length > 0) throw new Error(`${name} has a syntax error`);
    return factsOf(name, source);
  });
}
