#!/usr/bin/python
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Module `service_facts`: how all services stand."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_facts
short_description: How services stand, as facts
description:
  - The rows of C(svctl --json status --all) as facts. Changes nothing.
extends_documentation_fragment: svcmgr.svctl.svctl
attributes:
  check_mode:
    support: full
    description: Only reads.
  facts:
    support: full
    description: Returns C(ansible_facts).
"""

EXAMPLES = r"""
- name: how services stand
  svcmgr.svctl.service_facts:

- name: all that should run does
  ansible.builtin.assert:
    that: item.state in ['up', 'ready']
  loop: "{{ ansible_facts.svctl_services | selectattr('want', 'equalto', 'up') }}"
  loop_control:
    label: "{{ item.service }}"
"""

RETURN = r"""
ansible_facts:
  description: Facts of services.
  returned: always
  type: dict
  contains:
    svctl_services:
      description: A row for each service, sorted by name. One that cannot be read has C(error).
      type: list
      elements: dict
    svctl_version:
      description: The version of C(svctl).
      type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.svcmgr.svctl.plugins.module_utils.svctl import COMMON, Svctl


def main() -> None:
    module = AnsibleModule(argument_spec=COMMON, supports_check_mode=True)
    svctl = Svctl(module)
    code, rows, said = svctl.run("status", [], "--all")
    # 111 with rows: some cannot be read, and the rows say so. No rows and a message: there is no service.
    if code != 0 and not rows:
        svctl.fail("status", code, rows, said)
    version = module.run_command([svctl.program, "version", "--json"], check_rc=True)[1]
    module.exit_json(
        changed=False,
        ansible_facts={
            "svctl_services": rows,
            "svctl_version": module.from_json(version)["svctl"],
        },
    )


if __name__ == "__main__":
    main()
