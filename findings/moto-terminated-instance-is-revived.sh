#!/usr/bin/env bash
# moto 5.2.5 (boto3 1.44.8): a reboot sets a terminated instance to running, and RunInstances twice with one ClientToken
# makes two instances. Amazon refuses the first and answers the second with the same instance, so tests of "never boot
# twice" and "deleted stays deleted" pass or fail for the wrong reason.
# Seen:
#   one ClientToken: two instances
#   terminated, then rebooted: running
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[ec2]==5.2.5' boto3==1.44.8 botocore==1.44.8
export HOME=$place
"$place/venv/bin/python" - > "$place/told" <<'PYTHON'
import os

import boto3
from moto import mock_aws

os.environ.update(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x")
with mock_aws():
    ec2 = boto3.client("ec2", region_name="us-east-1")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    ids = [
        ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, ClientToken="one")["Instances"][0]["InstanceId"]
        for _ in range(2)
    ]
    print("one ClientToken:", "one instance" if ids[0] == ids[1] else "two instances")
    ec2.terminate_instances(InstanceIds=ids[:1])
    ec2.reboot_instances(InstanceIds=ids[:1])
    found = ec2.describe_instances(InstanceIds=ids[:1])
    print("terminated, then rebooted:", found["Reservations"][0]["Instances"][0]["State"]["Name"])
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
