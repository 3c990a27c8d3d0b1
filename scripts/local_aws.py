"""An AWS of its own on this machine: MiniStack, with permissions enforced and TLS as the bucket policies demand.

usage: local_aws.py start FOLDER     starts it and leaves env.sh, server.log and its keys in the folder
       local_aws.py stop FOLDER      stops it, with every function that it runs

After `. FOLDER/env.sh` the aws command line and s3-backup talk to it. It listens on 127.0.0.1 only.
"""

import os
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

REGION = "us-east-1"
SECONDS_TO_START = 60
SECONDS_TO_STOP = 10
# Another program may take the free port before the server does.
ATTEMPTS = 3
SERVER = "local_aws_app:app"
REQUESTS_OF_A_CONNECTION = 1_000_000_000


class NotStarted(Exception):
    """Why the local AWS does not run."""


def start(folder: Path) -> None:
    if running(folder):
        raise NotStarted(f"one is running already: stop it with {stop_command(folder)}")
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    certificates(folder)
    for attempt in range(1, ATTEMPTS + 1):
        port = free_port()
        server = spawn(folder, port)
        (folder / "pid").write_text(f"{server.pid}\n")
        try:
            wait_until_ready(folder, server, port)
            write_environment(folder, port)
            return
        except BaseException as error:
            stop(folder)
            if not isinstance(error, NotStarted) or attempt == ATTEMPTS:
                raise


def stop(folder: Path) -> None:
    """Ends the server and its functions, which are one process group. Nothing to stop is fine."""
    pid = running(folder)
    if pid:
        os.killpg(pid, signal.SIGTERM)
        if not gone(folder, SECONDS_TO_STOP):
            os.killpg(pid, signal.SIGKILL)
            gone(folder, SECONDS_TO_STOP)
    (folder / "pid").unlink(missing_ok=True)


def running(folder: Path) -> "int | None":
    """The id of the server's process. A process that only got the same number later is another one."""
    try:
        pid = int((folder / "pid").read_text())
    except (OSError, ValueError):
        return None
    shown = subprocess.run(
        ["ps", "-ww", "-p", str(pid), "-o", "stat=,args="], capture_output=True, text=True, check=False
    ).stdout
    return pid if SERVER in shown and not shown.startswith("Z") else None


def gone(folder: Path, seconds: int) -> bool:
    end = time.monotonic() + seconds
    while running(folder):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def stop_command(folder: Path) -> str:
    return shlex.join([sys.executable, __file__, "stop", str(folder)])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def spawn(folder: Path, port: int) -> subprocess.Popen:
    """Starts the server, which hands its environment on to functions: so it gets nothing of ours."""
    env = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "PYTHONPATH": str(Path(__file__).resolve().parent),
        "TMPDIR": str(folder / "tmp"),
        "AUTH": "true",
        "LAMBDA_EXECUTOR": "local",
        "IOT_MTLS_ENABLED": "false",
        "MINISTACK_REGION": REGION,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "EDGE_PORT": str(port),
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(folder / "server.pem"),
        "MINISTACK_SSL_KEY": str(folder / "server.key"),
        "SSL_CERT_FILE": str(folder / "ca.pem"),
        # Lambda sets it for functions that log JSON, MiniStack does not.
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
    }
    settings = folder / "hypercorn.toml"
    # Above a thousand requests, where it closes a connection by default, it leaves the one that is under way without
    # an answer.
    settings.write_text(f"keep_alive_timeout = 75\nkeep_alive_max_requests = {REQUESTS_OF_A_CONNECTION}\n")
    # Not the command `ministack`: with TLS that one takes port 443 too, if it may.
    command = [sys.executable, "-m", "hypercorn", SERVER, "--config", str(settings), "--bind", f"127.0.0.1:{port}"]
    command += ["--certfile", env["MINISTACK_SSL_CERT"], "--keyfile", env["MINISTACK_SSL_KEY"]]
    with open(folder / "server.log", "w", encoding="utf-8") as log:
        return subprocess.Popen(
            command, env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def wait_until_ready(folder: Path, server: subprocess.Popen, port: int) -> None:
    trust = ssl.create_default_context(cafile=folder / "ca.pem")
    ask = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end:
        if server.poll() is not None:
            raise NotStarted(f"the server ended with {server.returncode}; its log:\n{log_end(folder)}")
        try:
            with ask.open(f"https://127.0.0.1:{port}/_ministack/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise NotStarted(f"the server did not answer within {SECONDS_TO_START} s; its log:\n{log_end(folder)}")


def log_end(folder: Path) -> str:
    lines = (folder / "server.log").read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-40:])


def write_environment(folder: Path, port: int) -> None:
    """What a shell needs to talk to it, and nothing that could reach the real AWS."""
    variables = {
        "PATH": f"{Path(sys.executable).parent}:",
        "AWS_ENDPOINT_URL": f"https://127.0.0.1:{port}",
        "AWS_CA_BUNDLE": str(folder / "ca.pem"),
        "SSL_CERT_FILE": str(folder / "ca.pem"),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_PAGER": "",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    lines[0] += '"$PATH"'
    lines.append("unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_DEFAULT_OUTPUT")
    (folder / "env.sh").write_text("\n".join(lines) + "\n")


def certificates(folder: Path) -> None:
    """A certificate authority for a week, and a certificate of it for 127.0.0.1."""
    from datetime import datetime, timedelta, timezone
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def certificate(subject: str, key: ec.EllipticCurvePrivateKey, is_authority: bool) -> x509.CertificateBuilder:
        now = datetime.now(timezone.utc)
        usage = {flag: False for flag in (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")}
        usage["key_cert_sign" if is_authority else "digital_signature"] = True
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("local AWS authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=7))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
        )

    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = certificate("local AWS authority", authority_key, True).sign(authority_key, hashes.SHA256())
    names = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")]
    server = (
        certificate("local AWS", server_key, False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    key_text = server_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    (folder / "server.pem").write_bytes(server.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").touch(mode=0o600)
    (folder / "server.key").write_bytes(key_text)


def main() -> None:
    commands = {"start": start, "stop": stop}
    if len(sys.argv) != 3 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    try:
        commands[sys.argv[1]](Path(sys.argv[2]).resolve())
    except NotStarted as error:
        sys.exit(f"error: cannot start the local AWS: {error}")


if __name__ == "__main__":
    main()
