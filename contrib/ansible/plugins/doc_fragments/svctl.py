# SPDX-License-Identifier: MIT OR Apache-2.0
"""Options that every module of the collection has."""


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  dir:
    description:
      - The scan directory. Without it, C(svctl) takes those of E(SVDIR), else the usual ones that are in use.
    type: path
  scope:
    description:
      - Whose systemd is asked, beside the scan directories.
      - With V(system) or V(user), a name that no scan directory has is a unit.
    type: str
    choices: [system, user]
  executable:
    description:
      - The program C(svctl) on the managed host, as a name to be looked for or as a path.
    type: str
    default: svctl
requirements:
  - svctl on the managed host
author:
  - the authors of svcmgr
"""
