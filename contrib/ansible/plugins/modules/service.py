#!/usr/bin/python
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Module `service`: how services are to be."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service
short_description: Control services under runit, s6, daemontools, daemontools-encore, systemd and svcmgr
description:
  - Starts, stops, restarts and reloads services, and has them started with the system or not.
  - Waits until it is so, and reports a change exactly where there was one.
  - C(svctl) does it on the managed host. The suite is detected.
extends_documentation_fragment: svcmgr.svctl.svctl
options:
  name:
    description:
      - Names of services, patterns, paths of service directories, or units.
      - With O(enabled), names in the scan directory or units; neither paths nor patterns.
    type: list
    elements: str
    required: true
  state:
    description:
      - V(started) and V(stopped) change what is not so. What is started is wanted up from then on, what is stopped wanted down.
      - V(restarted) ends the process and waits for the next one, and starts what is down.
      - V(reloaded) has the service read its configuration again.
    type: str
    choices: [started, stopped, restarted, reloaded]
  enabled:
    description:
      - Whether the service is started with the system.
      - V(true) links the service directory into the scan directory, where its supervisor starts it, or enables the unit.
      - V(false) removes that link and ends the service and its supervisor. A unit that is disabled goes on.
    type: bool
  source:
    description:
      - The service directory to link, with O(enabled=true) and one name.
      - Without it, C(svctl) looks where other entries of the scan directory lead, and in the usual places, as C(/etc/sv).
    type: path
  ready:
    description:
      - Wait until the service says that it is ready. Fails at once for one that cannot say so.
    type: bool
  up_for:
    description:
      - Wait until it has been up so long with one process, as in V(5s). A service that dies at once was up, and fails only by this or O(ready).
    type: str
  kill_after:
    description:
      - Send SIGKILL to a process that has not ended after this time, as in V(5s).
    type: str
  timeout:
    description:
      - How long to wait, as in V(30s) or V(2m). Without it, 30 seconds.
    type: str
  suite:
    description:
      - The suite, instead of detecting it, with or without a version (V(s6=2.15.1)).
    type: str
attributes:
  check_mode:
    support: full
    description: Foretells the changes and makes none.
  diff_mode:
    support: full
    description: Shows each service that changes, before and after.
"""

EXAMPLES = r"""
- name: web runs, and is started with the system
  svcmgr.svctl.service:
    name: web
    source: /srv/sv/web
    enabled: true
    state: started

- name: both have new processes that are ready
  svcmgr.svctl.service:
    name: [web, queue]
    state: restarted
    ready: true
    kill_after: 10s

- name: a unit of systemd
  svcmgr.svctl.service:
    name: nginx.service
    scope: system
    state: reloaded
"""

RETURN = r"""
services:
  description: The rows of C(svctl --json), one for each service, as they stand at the end. In check mode, as they stand.
  returned: always
  type: list
  elements: dict
  sample: [{"service": "web", "suite": "runit", "state": "up", "want": "up", "pid": 4711}]
rc:
  description: The exit code of C(svctl).
  returned: on failure
  type: int
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.svcmgr.svctl.plugins.module_utils.svctl import COMMON, Row, Svctl, is_unit

COMMANDS = {"started": "up", "stopped": "down", "restarted": "restart", "reloaded": "reload"}
ALIVE = ("up", "ready")


def is_enabled(row: Row) -> bool:
    """Linked into the scan directory; of a unit, its links."""
    if is_unit(row):
        return row["normally"] == "up"
    return row["path"] is not None and os.path.lexists(row["path"])


def facts(row: Row, enabled: bool) -> Row:
    """What this module can change of a service, for the diff."""
    alive = row["state"] in ALIVE and not row["paused"]
    return {"enabled": enabled, "state": "started" if alive else "stopped", "wanted": row["want"]}


def enablement(row: Row, enabled: bool | None) -> bool:
    """Whether `enable` or `disable` would change something."""
    if enabled is None:
        return False
    # `disable` also ends what outlived its link.
    goes_on = not is_unit(row) and bool(row["supervised"])
    return not is_enabled(row) if enabled else is_enabled(row) or goes_on


def activity(row: Row, state: str | None) -> bool:
    """Whether the request of `state` would change something."""
    if state is None:
        return False
    now = facts(row, False)
    if state == "started":
        return now["state"] != "started" or row["want"] == "down"
    if state == "stopped":
        at_rest = row["pid"] is None and row["finish_pid"] is None and row["state"] != "backoff"
        return not at_rest or row["want"] == "up"
    return True


def after(row: Row, state: str | None, enabled: bool | None) -> Row:
    """The same facts once it is as asked for."""
    then = facts(row, is_enabled(row) if enabled is None else enabled)
    if enabled is False and not is_unit(row):
        return {**then, "state": "stopped", "wanted": None}
    if enabled and state is None and not is_unit(row) and not row["supervised"]:
        # The supervisor starts it, unless its directory says otherwise.
        return {**then, "state": "as its directory says", "wanted": None}
    if state in ("started", "restarted"):
        then.update(state="started", wanted="up")
    elif state == "stopped":
        then.update(state="stopped", wanted="down")
    if state in ("restarted", "reloaded"):
        then["asked"] = COMMANDS[state]
    return then


Described = dict[str, tuple[Row, Row]]


def described(rows: list[Row], state: str | None, enabled: bool | None) -> Described:
    """Each service before and after; asked before anything is done, since it looks at the links."""
    return {
        row["service"]: (facts(row, is_enabled(row)), after(row, state, enabled)) for row in rows
    }


def diff(all_of_them: Described, changing: set[str]) -> Row:
    """The services that change, before and after."""
    hit = {name: both for name, both in all_of_them.items() if name in changing}
    return {
        "before": {name: before for name, (before, _) in hit.items()},
        "after": {name: then for name, (_, then) in hit.items()},
    }


def refuse(module: AnsibleModule) -> None:
    """Ends the module where what is asked for makes no sense."""
    params = module.params
    names, state, enabled = params["name"], params["state"], params["enabled"]
    if not names:
        module.fail_json(msg="no service is named in `name`")
    if (params["ready"] or params["up_for"]) and state not in ("started", "restarted"):
        module.fail_json(
            msg="`ready` and `up_for` need `state: started` or `state: restarted`"
        )
    if params["source"] is not None and (not enabled or len(names) != 1):
        module.fail_json(msg="`source` needs `enabled: true` and one name")
    odd = [name for name in names if "/" in name or any(it in name for it in "*?[")]
    if enabled is not None and odd:
        module.fail_json(
            msg=f"{odd[0]} is no name in the scan directory, as `enabled` needs; "
            "for the path of a service directory there is `source`"
        )


def waits(module: AnsibleModule, *keys: str) -> list[str]:
    """Those of the options that are set, as svctl has them."""
    found = []
    for key in keys:
        if module.params[key] is not None:
            found += ["--" + key.replace("_", "-"), module.params[key]]
    return found


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **COMMON,
            "name": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": list(COMMANDS)},
            "enabled": {"type": "bool"},
            "source": {"type": "path"},
            "ready": {"type": "bool"},
            "up_for": {"type": "str"},
            "kill_after": {"type": "str"},
            "timeout": {"type": "str"},
            "suite": {"type": "str"},
        },
        required_one_of=[("state", "enabled")],
        mutually_exclusive=[("ready", "up_for")],
        supports_check_mode=True,
    )
    refuse(module)
    svctl = Svctl(module)
    names, state, enabled = (module.params[key] for key in ("name", "state", "enabled"))
    before = svctl.status(names)
    units = [row["service"] for row in before if is_unit(row)]
    if enabled is False and state not in (None, "stopped") and len(units) < len(before):
        module.fail_json(msg=f"`enabled: false` ends the service, and cannot be with `state: {state}`")
    # What cannot be read is not foretold: a missing service is no error of `enabled`, nor is one to be enabled.
    unread = [row for row in before if row["error"] is not None and (enabled is None or is_unit(row))]
    if unread:
        svctl.fail("status", 111, unread, "")
    foretold = {
        row["service"]
        for row in before
        if enablement(row, enabled)
        or ((enabled is not False or is_unit(row)) and activity(row, state))
    }
    both = described(before, state, enabled)
    if module.check_mode:
        if enabled and module.params["source"] and not os.path.isdir(module.params["source"]):
            module.fail_json(msg=f"{module.params['source']} is no service directory")
        module.exit_json(changed=bool(foretold), services=before, diff=diff(both, foretold))
    changed: set[str] = set()

    def ask(command: str, asked: list[str], *options: str) -> None:
        if asked:
            rows = svctl.act(command, asked, *options)
            changed.update(row["service"] for row in rows if row["changed"])

    state_options = waits(module, "timeout")
    if module.params["kill_after"] and state != "reloaded":
        state_options += waits(module, "kill_after")
    if module.params["ready"]:
        state_options += ["--for", "ready"]
    if module.params["up_for"]:
        state_options += ["--for", "up-for=" + module.params["up_for"]]
    if enabled:
        source = module.params["source"]
        asked, options = ([source], ["--as", names[0]]) if source else (names, [])
        rows = svctl.act("enable", asked, *options, *waits(module, "timeout"))
        # With `source` the row has the path that was named.
        changed.update(names[0] if source else row["service"] for row in rows if row["changed"])
    if state is not None:
        ask(COMMANDS[state], units if enabled is False else names, *state_options)
    if enabled is False:
        ask("disable", names, *waits(module, "timeout", "kill_after"))
    module.exit_json(
        changed=bool(changed), services=svctl.status(names), diff=diff(both, changed)
    )


if __name__ == "__main__":
    main()
