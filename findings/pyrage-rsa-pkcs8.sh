#!/usr/bin/env bash
# pyrage 1.4.0: an RSA key in PKCS#8 form ("BEGIN PRIVATE KEY"), which OpenSSH reads and whose public key age takes as
# a recipient, is no identity. What was encrypted to its public key cannot be decrypted by it, until it is converted.
# Seen:
#   public key: a recipient
#   PKCS8: IdentityError
#   TraditionalOpenSSL: an identity
#   OpenSSH: an identity
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check pyrage==1.4.0 cryptography==50.0.2
export HOME=$place
"$place/venv/bin/python" - > "$place/told" <<'PYTHON'
import pyrage
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

key = rsa.generate_private_key(65537, 2048)
public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
pyrage.ssh.Recipient.from_str(public.decode())
print("public key: a recipient")
for form in ("PKCS8", "TraditionalOpenSSL", "OpenSSH"):
    text = key.private_bytes(
        serialization.Encoding.PEM,
        getattr(serialization.PrivateFormat, form),
        serialization.NoEncryption(),
    )
    try:
        pyrage.ssh.Identity.from_buffer(text)
        print(f"{form}: an identity")
    except pyrage.IdentityError:
        print(f"{form}: IdentityError")
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
