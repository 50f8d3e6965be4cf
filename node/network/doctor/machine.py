"""What `till net doctor` asks of the machine: engines, room, memory, file handles, ports, its clock."""

import ctypes
import mmap
import re
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped]

from node.domain.errors import Unusable
from node.network.doctor.finding import Finding, Patient, ok, warning, wrong
from node.network.launch import find_engine
from node.network.ports import is_free, listened_on

ENGINES: Final = {"geth": "github.com/ethereum/go-ethereum", "cometbft": "github.com/cometbft/cometbft"}
PINS: Final = Path(__file__).parents[1] / "engines"
TIMEX_BYTES: Final = 208
STATUS_OFFSET: Final = 40
"""Of `status` in struct timex on 64-bit Linux: modes, offset, freq, maxerror, esterror come before it."""
UNSYNCHRONISED: Final = 0x40
MEGABYTE: Final = 1_000_000
RETRIES: Final = Path("/proc/sys/net/ipv4/tcp_retries2")
MOST_RETRIES: Final = 6
"""Measured in docs/hosts.md: with Linux's 15, a link that was cut for half a minute takes as long again to heal."""


def check_engines(_: Patient) -> Iterator[Finding]:
    """geth and CometBFT are there, and of the pinned version."""
    for name, module in ENGINES.items():
        pinned = pinned_version(PINS / name / "go.mod", module)
        try:
            found = built_version(Path(find_engine(name)), module)
        except Unusable as missing:
            yield wrong("engines", missing.detail, "nothing runs without it")
            continue
        if found == pinned:
            yield ok("engines", f"{name} {found}")
        else:
            yield wrong("engines", f"{name} is {found}, pinned is {pinned}", "run make setup")


def check_disk_space(patient: Patient) -> Iterator[Finding]:
    """There is room where the network's folder lies, and where a validator has a disk of its own."""
    plan, limits = patient.plan, patient.limits
    homes = [home for validator in plan.validators if (home := plan.home(validator.name)).is_dir()]
    for folder in {each.stat().st_dev: each for each in reversed((plan.folder, *homes))}.values():
        free = shutil.disk_usage(folder).free
        text = f"{free // MEGABYTE} MB free for {folder}"
        if free < limits.disk_wrong:
            yield wrong("disk", text, "make room now: validators stop when it is full, and go on by themselves after")
        elif free < limits.disk_warning:
            yield warning("disk", text, "make room; docs/network.md says how much a day takes")
        else:
            yield ok("disk", text)


def check_memory(patient: Patient) -> Iterator[Finding]:
    """What is free suffices for what does not run yet."""
    free = psutil.virtual_memory().available
    waiting = sum(1 for validator in patient.plan.validators if not patient.processes(validator))
    needed = patient.limits.memory_warning + waiting * patient.limits.memory_each
    text = f"{free // MEGABYTE} MB available, {needed // MEGABYTE} MB wanted"
    yield ok("memory", text) if free >= needed else warning("memory", text, "end other programs, or add memory")


def check_file_handles(patient: Patient) -> Iterator[Finding]:
    """The limit of open files is high enough, and no process comes near its own."""
    hard, wanted = resource.getrlimit(resource.RLIMIT_NOFILE)[1], patient.limits.handles
    if hard == resource.RLIM_INFINITY or hard >= wanted:
        yield ok("file handles", f"at most {'any number' if hard == resource.RLIM_INFINITY else hard} a process")
    else:
        yield warning("file handles", f"at most {hard} a process", f"raise the limit (LimitNOFILE) to {wanted} or more")
    for validator in patient.plan.validators:
        for kind, running in patient.processes(validator).items():
            try:
                process = psutil.Process(running.pid)
                used, limit = process.num_fds(), process.rlimit(psutil.RLIMIT_NOFILE)[0]
            except psutil.Error:
                continue
            if limit > 0 and used > patient.limits.handles_used * limit:
                text = f"{kind} of {validator.name} has {used} of {limit} open"
                yield wrong("file handles", text, "raise the limit (LimitNOFILE) and start it again")


def check_ports(patient: Patient) -> Iterator[Finding]:
    """Nobody else has the ports of a validator that does not run."""
    taken = 0
    for validator in patient.plan.validators:
        if patient.processes(validator):
            continue
        for purpose, address, port in listened_on(patient.plan, validator):
            if not is_free(address, port):
                taken += 1
                text = f"{address}:{port} ({purpose} of {validator.name}) is taken"
                yield wrong("ports", text, f"find out by whom (ss -ltnp 'sport = :{port}'), and end that")
    if not taken:
        yield ok("ports", "free, or in use by their own validator")


def check_time_service(_: Patient) -> Iterator[Finding]:
    """The kernel says that something keeps its clock right."""
    synchronised = clock_is_synchronised()
    if synchronised is None:
        yield warning("time service", "this system does not say whether its clock is kept right", "see to it yourself")
    elif synchronised:
        yield ok("time service", "the clock is kept right")
    else:
        yield warning("time service", "nothing keeps this clock right", "run chrony or systemd-timesyncd")


def check_tcp_retries(patient: Patient) -> Iterator[Finding]:
    """Links to other hosts heal soon after they were cut."""
    if not patient.plan.others or not RETRIES.exists():
        return
    found = int(RETRIES.read_text())
    text = f"net.ipv4.tcp_retries2 is {found}"
    remedy = f"sysctl net.ipv4.tcp_retries2={MOST_RETRIES}, and a line in /etc/sysctl.d/ (docs/hosts.md)"
    yield ok("tcp retries", text) if found <= MOST_RETRIES else warning("tcp retries", text, remedy)


def pinned_version(go_mod: Path, module: str) -> str:
    """The version that one of node/network/engines requires of a module. Raises Unusable."""
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", go_mod.read_text(), re.M)
    if found is None:
        raise Unusable(f"{go_mod} does not name {module}")
    return found[1]


def built_version(program: Path, module: str) -> str:
    """The version of a module that a Go program was built from, out of the program itself (debug/buildinfo).

    What a program prints is no help: CometBFT 0.40.0 says 0.39.0.
    """
    with program.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = re.search(rb"\n(?:mod|dep)\t" + re.escape(module).encode() + rb"\t(v[0-9][^\t\n]*)", data)
        return found[1].decode() if found else "of an unknown version"


def clock_is_synchronised() -> bool | None:
    """adjtimex(2)'s status bit STA_UNSYNC, read without changing anything; None where it cannot be read."""
    timex = ctypes.create_string_buffer(TIMEX_BYTES)
    try:
        if ctypes.CDLL(None, use_errno=True).adjtimex(timex) < 0:
            return None
    except (OSError, AttributeError):
        return None
    return not int.from_bytes(timex.raw[STATUS_OFFSET : STATUS_OFFSET + 4], "little") & UNSYNCHRONISED


CHECKS: Final = (
    check_engines,
    check_disk_space,
    check_memory,
    check_file_handles,
    check_ports,
    check_time_service,
    check_tcp_retries,
)
