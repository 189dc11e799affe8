// Puts the licences of everything that the built files hold among them: whoever gets the files gets the licences.
import { readFileSync, writeFileSync } from "node:fs";

const here = new URL("./", import.meta.url);
// Angular lists what its scripts import; these two come in through the style sheet, which it does not look into.
const styles = ["bootstrap", "bootstrap-icons"];

function licence(name) {
  const folder = new URL(`node_modules/${name}/`, here);
  const { license } = JSON.parse(readFileSync(new URL("package.json", folder), "utf8"));
  return `Package: ${name}\nLicense: ${JSON.stringify(license)}\n\n${readFileSync(new URL("LICENSE", folder), "utf8")}`;
}

const scripts = readFileSync(new URL("dist/3rdpartylicenses.txt", here), "utf8");
const text = [scripts.trimEnd(), ...styles.map(licence), ""].join(`\n${"-".repeat(80)}\n`);
writeFileSync(new URL("dist/browser/3rdpartylicenses.txt", here), text);
