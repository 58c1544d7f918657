// The Khronos validator on GLB files: a JSON line per file. node gltf_validate.mjs PACKAGES FILE...
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [packages, ...files] = process.argv.slice(2);
const require = createRequire(path.join(packages, "package.json"));
const validator = require("gltf-validator");
for (const file of files) {
  const { issues } = await validator.validateBytes(new Uint8Array(fs.readFileSync(file)));
  const messages = issues.messages.filter((each) => each.severity < 2).map((each) => `${each.code} ${each.pointer}`);
  console.log(JSON.stringify({ errors: issues.numErrors, warnings: issues.numWarnings, messages }));
}
