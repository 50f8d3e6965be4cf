// Checks an OpenRPC document against the published meta-schema, and answers against the document's own schemas.
// Reads {document, answers: [[name of a schema, value], ...]} on stdin; prints what is wrong, one line each.
const Ajv = require("ajv");
const { openrpcDocument } = require("@open-rpc/meta-schema");
const { jsonSchema } = require("@json-schema-tools/meta-schema");

const { document, answers } = JSON.parse(require("fs").readFileSync(0, "utf8"));
// their $schema names themselves; the vocabulary is draft 7's, which ajv has
const meta = (schema) => ({ ...schema, $schema: "http://json-schema.org/draft-07/schema#" });
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
// referred to with and without the slash that its $id ends with
for (const $id of [jsonSchema.$id, jsonSchema.$id.replace(/\/$/, "")]) ajv.addSchema(meta({ ...jsonSchema, $id }));
const check = (validate, value, what) => {
  if (!validate(value)) {
    for (const error of validate.errors) console.log(`${what}${error.instancePath}: ${error.message}`);
  }
};
check(ajv.compile(meta(openrpcDocument)), document, "document");
ajv.addSchema({ $id: "https://document.invalid/openrpc.json", components: document.components });
for (const [name, value] of answers) {
  check(ajv.compile({ $ref: `https://document.invalid/openrpc.json#/components/schemas/${name}` }), value, name);
}
