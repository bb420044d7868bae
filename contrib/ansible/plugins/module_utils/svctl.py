# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs `svctl --json` on the managed host, and reads its rows."""

from __future__ import annotations

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule

Row = dict[str, Any]

# Outcomes that are as asked for. `skipped`: a condition of the unit does not hold.
GOOD = frozenset({"reached", "already", "sent", "skipped"})

COMMON: dict[str, dict[str, Any]] = {
    "dir": {"type": "path"},
    "scope": {"type": "str", "choices": ["system", "user"]},
    "executable": {"type": "str", "default": "svctl"},
}


class Svctl:
    """The program `svctl`, for one run of a module."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.program = module.get_bin_path(module.params["executable"])
        if self.program is None:
            module.fail_json(
                msg=f"there is no {module.params['executable']} on this host: "
                "install svctl there, or name its path in `executable`"
            )

    def run(
        self, command: str, names: list[str], *options: str, stdin: str | None = None
    ) -> tuple[int, list[Row], str]:
        """The exit code, the rows, and what was said on standard error.

        Names follow `--`, so that none of them is taken for an option. There is no shell.
        """
        params = self.module.params
        words = [self.program, "--json", command, *options]
        if params["dir"] is not None:
            words += ["--dir", params["dir"]]
        if params["scope"] is not None:
            words.append("--" + params["scope"])
        if params.get("suite") is not None:
            words += ["--suite", params["suite"]]
        words += ["--", *names]
        # A name may hold a tilde or a dollar sign: it is passed on as it is.
        code, out, err = self.module.run_command(
            words, data=stdin, binary_data=True, expand_user_and_vars=False
        )
        try:
            rows = json.loads(out) if out.strip() else []
        except ValueError:
            self.module.fail_json(
                msg=f"the answer of {self.program} {command} is no JSON", rc=code, stdout=out, stderr=err
            )
        return code, rows if isinstance(rows, list) else [rows], err.strip()

    def status(self, names: list[str]) -> list[Row]:
        """How services stand; a name that leads nowhere is a row with `error`."""
        code, rows, said = self.run("status", names)
        if not rows and code != 0:
            self.fail("status", code, rows, said)
        return rows

    def act(self, command: str, names: list[str], *options: str) -> list[Row]:
        """Asks, and ends the module if one of them did not get there."""
        code, rows, said = self.run(command, names, *options)
        if code != 0 or any(row.get("outcome") not in GOOD for row in rows):
            self.fail(command, code, rows, said)
        return rows

    def fail(self, command: str, code: int, rows: list[Row], said: str) -> None:
        """Ends the module with what svctl says, why, and what to do, for each service that failed."""
        bad = [row for row in rows if row.get("outcome") not in GOOD]
        told = [sentence(row) for row in bad] + [said.removeprefix("svctl: ")]
        self.module.fail_json(
            msg="\n".join(it for it in told if it) or f"svctl {command} ended with {code}",
            rc=code,
            changed=any(row.get("changed") for row in rows),
            services=rows,
        )


def sentence(row: Row) -> str:
    """Why a service did not get there: what svctl says, the reason it found, and what helps."""
    says = row.get("says") or row.get("error") or f"is {row.get('state')}, {row.get('outcome')}"
    text = f"{row['service']}: {says}"
    reason = row.get("reason") or {}
    if reason.get("says"):
        text += f"; {reason['says']}"
    if reason.get("remedy"):
        text += f"; what helps: {reason['remedy']}"
    return text


def is_unit(row: Row) -> bool:
    """Whether it is a unit of systemd."""
    return row.get("suite") == "systemd"
