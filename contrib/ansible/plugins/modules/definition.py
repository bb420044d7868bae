#!/usr/bin/python
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Module `definition`: services of a file of definitions run as it says."""

from __future__ import annotations

DOCUMENTATION = r"""
module: definition
short_description: Have services run as definitions of svcmgr say
description:
  - Makes service directories or units of a file C(svcmgr.toml), enables them, restarts what changed, and waits.
  - Where a service does not come about, all is as it was before. A second run changes nothing.
  - C(svctl apply) does it on the managed host.
extends_documentation_fragment: svcmgr.svctl.svctl
options:
  path:
    description: The file of definitions, on the managed host.
    type: path
  content:
    description: The definitions themselves, as of C(lookup('file', 'svcmgr.toml')).
    type: str
  target:
    description: What the services run under.
    type: str
    required: true
    choices: [daemontools, encore, runit, s6, systemd, embedded]
  out:
    description: Where the directories or units are made. Without it, as C(svctl apply) has it.
    type: path
  kill_after:
    description: Send SIGKILL to a process that has not ended after this time.
    type: str
  timeout:
    description: How long all of it may take. Without it, 30 seconds.
    type: str
  lossy:
    description: Leave out what the target cannot express, instead of refusing.
    type: bool
    default: false
  adopt:
    description: Replace files that no build made, or that somebody changed since, instead of refusing.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: The plan of C(svctl apply --dry-run); nothing is done.
  diff_mode:
    support: full
    description: The steps of each service and the files that change. Values in files are not shown, since they may be secret.
"""

EXAMPLES = r"""
- name: the services of this host
  svcmgr.svctl.definition:
    content: "{{ lookup('file', 'svcmgr.toml') }}"
    target: runit
    out: /etc/sv
    kill_after: 10s
"""

RETURN = r"""
services:
  description: The rows of C(svctl --json apply), one for each service.
  returned: always
  type: list
  elements: dict
  sample: [{"service": "web", "changed": true, "did": ["restart"], "files": ["web/run"], "rolled_back": false}]
rc:
  description: The exit code of C(svctl).
  returned: on failure
  type: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.svcmgr.svctl.plugins.module_utils.svctl import COMMON, Row, Svctl


def diff(rows: list[Row]) -> Row:
    """The plan as a text: a line for each step and each file that changes."""
    lines = []
    for row in rows:
        lines += [f"{row['service']}: {step}\n" for step in row["did"]]
        lines += [f"{row['service']}: writes {name}\n" for name in row["files"]]
    return {"before": "", "after": "".join(lines)}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **COMMON,
            "path": {"type": "path"},
            "content": {"type": "str"},
            "target": {
                "type": "str",
                "required": True,
                "choices": ["daemontools", "encore", "runit", "s6", "systemd", "embedded"],
            },
            "out": {"type": "path"},
            "kill_after": {"type": "str"},
            "timeout": {"type": "str"},
            "lossy": {"type": "bool", "default": False},
            "adopt": {"type": "bool", "default": False},
        },
        required_one_of=[("path", "content")],
        mutually_exclusive=[("path", "content")],
        supports_check_mode=True,
    )
    params = module.params
    svctl = Svctl(module)
    options = ["--to", params["target"]]
    for key in ("out", "kill_after", "timeout"):
        if params[key] is not None:
            options += ["--" + key.replace("_", "-"), params[key]]
    options += ["--" + key for key in ("lossy", "adopt") if params[key]]
    if module.check_mode:
        options.append("--dry-run")
    file = "-" if params["path"] is None else params["path"]
    code, rows, said = svctl.run("apply", [file], *options, stdin=params["content"])
    if code != 0:
        svctl.fail("apply", code, rows, said)
    module.exit_json(
        changed=any(row["changed"] for row in rows), services=rows, diff=diff(rows), msg=said
    )


if __name__ == "__main__":
    main()
