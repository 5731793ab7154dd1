#!/usr/bin/env bash
# moto 5.2.5 (boto3 1.44.8): TerminateInstances of several, one of them protected from termination, is refused after those
# before the protected one are terminated; which ones depends on the order of the ids. Amazon refuses the call for all
# that are in the zone of the protected one, and terminates those in other zones. With both of them an error does not mean
# that nothing was done, so each machine has to be asked for alone afterwards.
# Seen:
#   free, protected, free: OperationNotPermitted
#   afterwards: terminated, running, running
#   protected, free: OperationNotPermitted
#   afterwards: running, running
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[ec2]==5.2.5' boto3==1.44.8 botocore==1.44.8
export HOME=$place
"$place/venv/bin/python" - > "$place/told" <<'PYTHON'
import os

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

os.environ.update(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x")
with mock_aws():
    ec2 = boto3.client("ec2", region_name="us-east-1")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    for order in (["free", "protected", "free"], ["protected", "free"]):
        made = ec2.run_instances(ImageId=image, MinCount=len(order), MaxCount=len(order))["Instances"]
        ids = [each["InstanceId"] for each in made]
        protected = ids[order.index("protected")]
        ec2.modify_instance_attribute(InstanceId=protected, DisableApiTermination={"Value": True})
        try:
            told = ec2.terminate_instances(InstanceIds=ids) and "done"
        except ClientError as error:
            told = error.response["Error"]["Code"]
        print(f"{', '.join(order)}: {told}")
        found = {
            each["InstanceId"]: each["State"]["Name"]
            for reservation in ec2.describe_instances(InstanceIds=ids)["Reservations"]
            for each in reservation["Instances"]
        }
        print("afterwards:", ", ".join(found[each] for each in ids))
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
