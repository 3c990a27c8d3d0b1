"""The stores that can be installed here, each as a process group of its own on free ports of 127.0.0.1."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

SECONDS_TO_START = 90
SECONDS_TO_STOP = 10
LOCALSTACK = Path(".venv-compat-localstack").resolve()
SIMULATOR = Path("target/debug/s3-sim").resolve()
OSD_STARTS = 5
CEPH = ("ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")


class NotHere(Exception):
    """Why a store cannot be played on this machine."""


class NotStarted(Exception):
    """Why a store that is installed did not start."""


class Store:
    """A running store. It and what it started end with the block."""

    name = version = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen] = []
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Store":
        try:
            self.start()
            wait_for(lambda: answers(self.endpoint), self.processes, self.folder)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        raise NotImplementedError

    def spawn(self, command: list, env: "dict[str, str] | None" = None) -> subprocess.Popen:
        own = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "TMPDIR": str(self.folder), "LANG": "C.UTF-8"}
        with open(self.folder / f"{Path(command[0]).name}.log", "ab") as log:
            process = subprocess.Popen(
                command, env=own | (env or {}), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def stop(self) -> None:
        for process in reversed(self.processes):
            end(process)
        self.processes.clear()


class Simulator(Store):
    name, version = "s3-sim", "of this checkout"

    def start(self) -> None:
        # Its own buckets are not used: an ordinary client creates others on the other stores, not on this one.
        names = [SIMULATOR, "--port", str(self.port), "--buckets", "source,source-odd"]
        self.spawn([*names, "--versioned", "backup,backup-odd"])


class SeaweedFS(Store):
    name, version = "SeaweedFS", "4.48"

    def start(self) -> None:
        weed = Path(sys.executable).parent / "weed"
        (self.folder / "data").mkdir()
        keys = {"accessKey": "test", "secretKey": "test"}
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        config = {"identities": [{"name": "root", "credentials": [keys], "actions": actions}]}
        (self.folder / "s3.json").write_text(json.dumps(config))
        ports = [free_port() for _ in range(3)]
        # Telemetry calls out.
        self.spawn([
            weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self.folder / 'data'}",
            "-master.telemetry=false", f"-master.port={ports[0]}", f"-volume.port={ports[1]}", "-filer",
            f"-filer.port={ports[2]}", "-s3", f"-s3.port={self.port}", f"-s3.config={self.folder / 's3.json'}",
        ])


class MiniStack(Store):
    name, version = "MiniStack", "1.5.33"

    def start(self) -> None:
        env = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(self.port), "EDGE_PORT": str(self.port)}
        bind = ["--bind", f"127.0.0.1:{self.port}", "--keep-alive", "75"]
        self.spawn([sys.executable, "-m", "hypercorn", "ministack.app:app", *bind], env)


class LocalStack(Store):
    name, version = "LocalStack", "4.14.0"

    def start(self) -> None:
        python = LOCALSTACK / "bin/python"
        if not python.exists():
            raise NotHere("install Python 3.13 as python3.13")
        env = {
            "GATEWAY_LISTEN": f"127.0.0.1:{self.port}",
            "LOCALSTACK_HOST": f"localhost:{self.port}",
            "GATEWAY_SERVER": "hypercorn",
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DNS_ADDRESS": "0",
            "LOCALSTACK_VOLUME_DIR": str(self.folder),
        }
        self.spawn([python, "-m", "localstack.runtime.main"], env)


class Ceph(Store):
    """One monitor, one OSD in memory, one gateway."""

    name = "Ceph RGW"

    def start(self) -> None:
        if not all(shutil.which(program) for program in CEPH):
            packages = "radosgw ceph-mon ceph-osd ceph-common"
            raise NotHere(f"apt-get install --no-install-recommends {packages}")
        if os.geteuid() != 0:
            raise NotHere("its OSD wants root")
        self.version = self.run(["radosgw", "--version"]).split()[2]
        monitor = free_port()
        fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
        for part in ("mon", "osd", "rgw", "run"):
            (self.folder / part).mkdir()
        (self.folder / "keyring").touch()
        self.config = self.folder / "ceph.conf"
        self.config.write_text(CEPH_CONFIG.format(fsid=fsid, monitor=monitor, port=self.port, folder=self.folder))
        config = ["-c", str(self.config)]
        address = f"[v1:127.0.0.1:{monitor}]"
        self.run(["monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, self.folder / "monmap"])
        made_of = ["--monmap", self.folder / "monmap", "--keyring", self.folder / "keyring"]
        self.run(["ceph-mon", "--mkfs", "-i", "a", *made_of, *config])
        self.spawn(["ceph-mon", "-f", "-i", "a", *config])
        ceph = ["ceph", *config, "--connect-timeout", "2"]
        wait_for(lambda: self.succeeds([*ceph, "mon", "stat"]), self.processes, self.folder)
        self.run([*ceph, "osd", "new", osd, "0"])
        self.run(["ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd, *config])
        self.start_osd(["ceph-osd", "-f", "-i", "0", *config], [*ceph, "osd", "stat"])
        self.spawn(["radosgw", "-f", "-n", "client.rgw", *config])
        wait_for(lambda: answers(self.endpoint), self.processes, self.folder)
        user = ["user", "create", "--uid=root", "--display-name=root", "--access-key=test", "--secret=test"]
        self.run(["radosgw-admin", "-n", "client.rgw", *config, *user])

    def start_osd(self, command: list, stat: list) -> None:
        """An OSD that comes before its monitor knows it ends with 1, once in a while."""
        for left in reversed(range(OSD_STARTS)):
            osd = self.spawn(command)
            try:
                wait_for(lambda: "1 up" in self.run(stat), self.processes, self.folder)
                return
            except NotStarted:
                if osd.poll() is None or left == 0:
                    raise
                self.processes.remove(osd)

    def run(self, command: list) -> str:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_TO_START, check=False)
        if done.returncode != 0:
            raise NotStarted(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def succeeds(self, command: list) -> bool:
        try:
            self.run(command)
        except NotStarted:
            return False
        return True


CEPH_CONFIG = """\
[global]
fsid = {fsid}
mon_host = v1:127.0.0.1:{monitor}/0
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
keyring = {folder}/keyring
run_dir = {folder}/run
admin_socket = {folder}/run/$name.$pid.asok
log_file = {folder}/$name.log
pid_file = {folder}/$name.pid
crash_dir = {folder}/run
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 4000
mon_data_avail_crit = 1
mon_data_avail_warn = 1
[mon]
mon_data = {folder}/mon
mon_cluster_log_file = {folder}/cluster.log
mon_initial_members = a
[osd]
osd_data = {folder}/osd
osd_objectstore = memstore
memstore_device_bytes = 1073741824
osd_class_load_list = *
osd_class_default_list = *
[client]
rgw_frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw_data = {folder}/rgw
rgw_run_sync_thread = false
rgw_dns_name = localhost
"""

STORES = (Simulator, LocalStack, MiniStack, SeaweedFS, Ceph)


def free_port() -> int:
    """Not one of those that the system gives out, and with a second one 10,000 above it, which SeaweedFS takes for gRPC."""
    for port in random.sample(range(10000, 30000), 100):
        try:
            for number in (port, port + 10000):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
        except OSError:
            continue
        return port
    raise NotStarted("no free port")


def answers(endpoint: str) -> bool:
    """Any answer in HTTP counts: most refuse who is not signed in."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        direct.open(endpoint, timeout=5).close()
    except urllib.error.HTTPError as error:
        return error.code != 503
    except OSError:
        return False
    return True


def wait_for(is_ready, processes: list[subprocess.Popen], folder: Path) -> None:
    last = time.monotonic() + SECONDS_TO_START
    while not is_ready():
        for process in processes:
            if process.poll() is not None:
                raise NotStarted(f"{Path(process.args[0]).name} ended with {process.returncode}: see {folder}")
        if time.monotonic() > last:
            raise NotStarted(f"no answer within {SECONDS_TO_START} s: see {folder}")
        time.sleep(0.2)


def end(process: subprocess.Popen) -> None:
    """Ends a process and what it started. An OSD that is asked in order lingers."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        try:
            process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            continue
