"""`till net units`: systemd units for a network's folder: the supervisor, a backup with its timer, the index.

Only written; the operator installs them. The service keeps one supervisor running, and the supervisor the rest, so
systemd restarts nothing but a supervisor that was killed. Source: systemd.service(5), systemd.exec(5), systemd.timer(5)
of systemd 252.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.domain.errors import Unusable
from node.network.control import STOP_SECONDS
from node.network.launch import PROJECT
from node.network.plan import NetworkPlan

HANDLES: Final = 65_536
BACKUPS_KEPT: Final = 7
USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}")

HARDENING: Final = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
PrivateTmp={private_tmp}
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
UMask=0077
"""

SERVICE: Final = """\
[Unit]
Description=Tillnet validators in {folder}
Documentation=file://{project}/docs/runbook.md
Wants=network-online.target
# a clock that is wrong stops a validator
After=network-online.target time-sync.target
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
Type=exec
User={user}
WorkingDirectory={project}
Environment=PYTHONUNBUFFERED=1
# what a supervisor that was killed has left behind is ended first
ExecStartPre={till} net down {folder}
ExecStart={python} -m node.network.supervise {folder}
# SIGTERM to the supervisor only: it stops CometBFT before geth, which writes its state down
KillMode=mixed
TimeoutStopSec={stop}
# `till net down` ends it with 0, and then it stays down
Restart=on-failure
RestartSec=2
LimitNOFILE={handles}
TasksMax=4096
OOMPolicy=continue
ReadWritePaths={folder}
{hardening}
[Install]
WantedBy=multi-user.target
"""

BACKUP: Final = """\
[Unit]
Description=Backup of {validator} of the Tillnet validators in {folder}
Documentation=file://{project}/docs/operate.md

[Service]
Type=oneshot
User={user}
WorkingDirectory={project}
ExecStart={till} net backup {folder} {validator} -o {backups} --keep {kept}
# what proofs of old payments need, before validators prune it; a network that is down has nothing new
ExecStart=-{till} net archive {folder} -o {backups}/proofs
Nice=10
IOSchedulingClass=idle
LimitNOFILE={handles}
ReadWritePaths={folder} {backups}
{hardening}"""

INDEX: Final = """\
[Unit]
Description=Index of the Tillnet network in {folder}
Documentation=file://{project}/docs/indexer.md
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
Type=exec
User={user}
WorkingDirectory={project}
Environment=PYTHONUNBUFFERED=1
ExecStart={till} index run --network {folder}
# SIGTERM ends it between two ranges of blocks; killed, it goes on where it was
TimeoutStopSec=30
# a chain that is not up yet is waited for; what people have to look at stops it for good after ten times
Restart=on-failure
RestartSec=15
Nice=5
LimitNOFILE={handles}
ReadWritePaths={folder}
{hardening}
[Install]
WantedBy=multi-user.target
"""

TIMER: Final = """\
[Unit]
Description=Daily backup of the Tillnet validators in {folder}

[Timer]
OnCalendar=daily
# not all hosts at once: each is stopped for some seconds
RandomizedDelaySec=2h
Persistent=yes

[Install]
WantedBy=timers.target
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitOrder:
    """What is asked for: who it runs as, where backups go, which validator is backed up (None: the first)."""

    plan: NetworkPlan
    user: str
    backups: Path
    backed_up: str | None = None


def write_units(order: UnitOrder, output: Path) -> list[Path]:
    """Writes the units into an empty or new folder, and returns their paths. Raises Unusable."""
    plan = order.plan
    if not USER.fullmatch(order.user):
        raise Unusable(f"{order.user!r} is no user's name")
    if not plan.validators:
        raise Unusable(f"nothing runs from {plan.folder}; write the units of each host's own folder on that host")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise Unusable(f"{output} is not an empty folder")
    validator = plan.validator(order.backed_up) if order.backed_up else plan.validators[0]
    values = {
        "folder": _path(plan.folder),
        "backups": _path(order.backups.resolve()),
        "project": _path(PROJECT),
        "python": _path(Path(sys.executable)),
        "till": f"{_path(Path(sys.executable))} -m node.cli.main",
        "user": order.user,
        "validator": validator.name,
        "kept": BACKUPS_KEPT,
        "handles": HANDLES,
        # what the supervisor itself allows its processes, and some
        "stop": int(STOP_SECONDS) + 30,
        # its own /tmp would hide what lies in the real one
        "hardening": HARDENING.format(private_tmp="no" if _in_tmp(plan.folder, order.backups, PROJECT) else "yes"),
    }
    order.backups.mkdir(mode=0o700, parents=True, exist_ok=True)
    output.mkdir(parents=True, exist_ok=True)
    name = "tillnet-" + re.sub(r"[^A-Za-z0-9_-]+", "-", plan.folder.name)
    units = {f"{name}.service": SERVICE, f"{name}-backup.service": BACKUP, f"{name}-backup.timer": TIMER}
    units[f"{name}-index.service"] = INDEX
    for file, text in units.items():
        (output / file).write_text(text.format(**values))
    return [output / file for file in units]


def _in_tmp(*paths: Path) -> bool:
    return any(path.resolve().is_relative_to(folder) for path in paths for folder in ("/tmp", "/var/tmp"))


def _path(path: Path) -> str:
    """A path as it may stand in a unit: % starts a specifier, a space a new word."""
    text = str(path)
    if re.search(r"[\s\"'\\;$]", text):
        raise Unusable(f"{text} has spaces, quotes or the like in it, which a systemd unit takes badly; move it")
    return text.replace("%", "%%")
