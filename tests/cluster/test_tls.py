"""A cluster that speaks TLS only, by certificates that Dask's own configuration names."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

pytestmark = pytest.mark.slow


@pytest.fixture
def certificate(tmp_path):
    """Files of a certificate that vouches for itself, and of its key, as Dask's environment variables."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cluster")])
    today = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(key.private_bytes(*form))
    (tmp_path / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    names = {"CA_FILE": "cert.pem"}
    for role in ("CLIENT", "SCHEDULER", "WORKER"):
        names |= {f"{role}__CERT": "cert.pem", f"{role}__KEY": "key.pem"}
    return {f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(tmp_path / file) for name, file in names.items()}


def test_machines_by_tls(new_cluster, home, certificate):
    new_cluster.scheme = "tls"
    new_cluster.extra = {**certificate, "CLOUDMESH_CONFIG_DIR": str(home.directory)}
    new_cluster.start()
    home.cms("config", "set", "cloudmesh.engine=dask")
    home.cms("config", "set", f"cloudmesh.scheduler={new_cluster.address}")
    without = home.cms("vm", "boot", "m[1-3]", code=3)
    assert (
        "requires TLS certificates in distributed.comm.tls" in without.stderr
        and without.stderr.count("\n") == 1
    )
    home.extra = {**certificate, "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY": "/not/there"}
    missing = home.cms("vm", "boot", "m[1-3]", code=3)
    assert "configuration: [Errno 2] No such file" in missing.stderr and missing.stderr.count("\n") == 1
    home.extra = certificate
    home.cms("vm", "boot", "m[1-3]", "--wait")
    assert home.states() == dict.fromkeys(("m1", "m2", "m3"), "active")
