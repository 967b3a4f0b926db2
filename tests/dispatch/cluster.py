"""A real Slurm of two nodes on this machine, in a folder of its own, for tests; down by pid when they are over."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "sinfo", "scancel", "srun")
CONF = """\
ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={ports[0]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CredType=cred/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=0
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
JobRequeue=1
KillWait=2
MinJobAge=3600
InactiveLimit=0
OverTimeLimit=0
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=4 RealMemory=4000 State=UNKNOWN
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=4 RealMemory=4000 State=UNKNOWN
PartitionName=lab Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str | None:
    """The reason for which no Slurm can be started here, if there is one."""
    missing = [name for name in PROGRAMS if not _program(name)]
    if missing:
        return f"Slurm is not installed ({', '.join(missing)} missing); .ci/run installs it"
    return None if os.getuid() == 0 else "this private Slurm runs as root"


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


@contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """Start it; gives the environment in which its commands, and submitit, find it."""
    for name in ("munge", "state", "log", "spool.n1", "spool.n2"):
        (folder / name).mkdir(parents=True)
    (folder / "munge").chmod(0o755)
    key = folder / "munge/key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    conf = folder / "slurm.conf"
    conf.write_text(CONF.format(host=socket.gethostname().split(".")[0], folder=folder, ports=_free_ports(3)))
    environment = {"SLURM_CONF": str(conf)}
    munge = folder / "munge"
    commands = [
        ["munged", "--foreground", "--force", f"--socket={munge}/socket", f"--key-file={key}",
         f"--pid-file={munge}/pid", f"--log-file={munge}/log", f"--seed-file={munge}/seed", "--num-threads=2"],
        ["slurmctld", "-D"], ["slurmd", "-D", "-N", "n1"], ["slurmd", "-D", "-N", "n2"],
    ]  # fmt: skip
    started: list[subprocess.Popen[bytes]] = []
    try:
        for number, command in enumerate(commands):
            with (folder / f"log/{number}.{command[0]}.out").open("w") as log:
                started.append(
                    subprocess.Popen(
                        [str(_program(command[0])), *command[1:]],
                        env={**os.environ, **environment}, stdout=log, stderr=log, start_new_session=True,
                    )
                )  # fmt: skip
            if number == 0:
                _wait(lambda: (munge / "socket").exists(), folder)
        _wait(lambda: _ask(environment, "sinfo", "--noheader", "--format=%T", "--Node").split() == ["idle"] * 2, folder)
        yield environment
    finally:
        with suppress(Exception):
            _ask(environment, "scancel", "--user=root", "--signal=KILL", "--full")
        for process in reversed(started):
            process.terminate()
        for process in started:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _ask(environment: dict[str, str], *command: str) -> str:
    """A client call; without a controller they wait for long."""
    return subprocess.run(
        ["timeout", "5", *command], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    ).stdout


def _wait(condition, folder: Path, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        logs = "\n".join(p.read_text()[-500:] for p in (folder / "log").glob("*")) if time.monotonic() > end else ""
        assert time.monotonic() < end, f"Slurm did not start\n{logs}"
        time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports
