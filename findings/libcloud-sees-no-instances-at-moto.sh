#!/usr/bin/env bash
# apache-libcloud 3.9.1 beside the server of moto 5.2.5: Amazon's XML namespace ends with a slash, moto's does not, and
# libcloud looks for the names in Amazon's. Every answer parses as empty: list_nodes gives [] where boto3 sees an
# instance, and no error is raised.
# Seen:
#   boto3: 1 reservation
#   libcloud: []
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check apache-libcloud==3.9.1 'moto[ec2,server]==5.2.5' boto3==1.44.8 botocore==1.44.8
export HOME=$place
"$place/venv/bin/python" - > "$place/told" <<'PYTHON'
import contextlib
import io
import logging
import os

import boto3
from libcloud.compute.providers import get_driver
from libcloud.compute.types import Provider
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel("ERROR")
os.environ.update(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x")
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
with contextlib.redirect_stdout(io.StringIO()):
    server.start()
_, port = server.get_host_and_port()
ec2 = boto3.client("ec2", region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{port}")
ec2.run_instances(ImageId=ec2.describe_images()["Images"][0]["ImageId"], MinCount=1, MaxCount=1)
print("boto3:", len(ec2.describe_instances()["Reservations"]), "reservation")
driver = get_driver(Provider.EC2)(
    "x", "x", region="us-east-1", secure=False, host="127.0.0.1", port=port, signature_version="4"
)
print("libcloud:", driver.list_nodes())
server.stop()
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
