"""Keeps of a bill of materials what is linked into the packages: cargo-cyclonedx also lists what only
tests switch on. Arguments: the bill, the crate, the project's folder. The result is printed."""

import json
import subprocess
import sys
import uuid

path, crate, root = sys.argv[1:]
TREE = ["cargo", "tree", "--locked", "--edges", "normal", "--prefix", "none", "--package", crate]
TREE += ["--target", "x86_64-unknown-linux-gnu", "--format", "{p}"]
lines = subprocess.run(TREE, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
linked = {tuple(line.split()[:2]) for line in lines if line}

with open(path) as file:
    # Nobody else has this machine's paths.
    bill = json.loads(file.read().replace(f"file://{root}", "file://"))
bill["components"] = [
    part for part in bill["components"] if (part["name"], "v" + part["version"]) in linked
]
refs = {part["bom-ref"] for part in bill["components"]}
refs.add(bill["metadata"]["component"]["bom-ref"])
bill["dependencies"] = [
    {**node, "dependsOn": [ref for ref in node.get("dependsOn", []) if ref in refs]}
    for node in bill["dependencies"]
    if node["ref"] in refs
]
missing = {name for name, _ in linked} - {part["name"] for part in bill["components"]} - {crate}
if missing:
    sys.exit(f"the bill of {crate} lacks {', '.join(sorted(missing))}")
bill["serialNumber"] = ""
bill["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bill)).urn
print(json.dumps(bill, indent=2))
