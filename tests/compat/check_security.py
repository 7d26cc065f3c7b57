"""Foreign clients through TLS and SASL."""

import json
import os
import shutil
import socket

from broker import LeftOut, Sluice, run
from check import Check

MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN")
JAAS = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="secret";'


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def certificate(work):
    """A PEM file with a key and its self-signed certificate for 127.0.0.1, as a broker's keystore is."""
    key, cert, both = (os.path.join(work, name) for name in ("key.pem", "cert.pem", "store.pem"))
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert])
    with open(both, "w", encoding="utf-8") as out:
        for path in (key, cert):
            with open(path, encoding="utf-8") as part:
                out.write(part.read())
    return cert, both


def properties(port, store):
    return {"listeners": f"PLAINTEXT://127.0.0.1:0,SASL_SSL://127.0.0.1:{port}", "ssl.keystore.type": "PEM",
            "ssl.keystore.location": store, "sasl.enabled.mechanisms": ",".join(MECHANISMS), "plain.sasl.jaas.config": JAAS}


def add_users(address):
    try:
        from confluent_kafka import admin
    except ImportError as missing:
        raise LeftOut("needs confluent-kafka") from missing
    client = admin.AdminClient({"bootstrap.servers": address})
    kinds = (admin.ScramMechanism.SCRAM_SHA_256, admin.ScramMechanism.SCRAM_SHA_512)
    changes = [admin.UserScramCredentialUpsertion("alice", admin.ScramCredentialInfo(kind, 4096), b"secret")
               for kind in kinds]
    for change in changes:
        for future in client.alter_user_scram_credentials([change]).values():
            future.result()


def kcat(port, ca, mechanism, password, *arguments, text=None):
    return run(["kcat", "-b", f"127.0.0.1:{port}", "-X", "security.protocol=SASL_SSL", "-X", f"sasl.mechanism={mechanism}", "-X",
                "sasl.username=alice", "-X", f"sasl.password={password}", "-X", f"ssl.ca.location={ca}", *arguments],
               text=text, timeout=60)


def sasl_ssl(broker, work):
    if broker.name != "sluice":
        raise LeftOut("starts a broker of its own")
    if shutil.which("openssl") is None:
        raise LeftOut("needs openssl")
    ca, store = certificate(work)
    port = free_port()
    with Sluice(broker.sluice, os.path.join(work, "secured"), properties(port, store)) as secured:
        add_users(secured.address)
        lines = "".join(f"value {i} {'x' * 300}\n" for i in range(5000))
        for mechanism in MECHANISMS:
            topic = f"by-{mechanism}"
            kcat(port, ca, mechanism, "secret", "-P", "-t", topic, text=lines)
            got = kcat(port, ca, mechanism, "secret", "-C", "-t", topic, "-o", "beginning", "-e", "-q")
            assert got == lines, (mechanism, len(got), len(lines))
            told = json.loads(kcat(port, ca, mechanism, "secret", "-L", "-J"))
            assert [b["name"] for b in told["brokers"]] == [f"127.0.0.1:{port}"], told
            try:
                kcat(port, ca, mechanism, "wrong", "-L", "-m", "5")
            except AssertionError:
                continue
            raise AssertionError(f"{mechanism}: a wrong password got in")
    return f"5000 lines by {', '.join(MECHANISMS)}"


def checks():
    return [Check("kcat", "SASL over TLS", sasl_ssl)]
