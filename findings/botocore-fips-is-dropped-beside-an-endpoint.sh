#!/usr/bin/env bash
# botocore 1.44.8: use_fips_endpoint is dropped without a word where an endpoint_url is configured. The rules that Amazon ships with
# botocore say that the two together are an error ("FIPS and custom endpoint are not supported"), which it avoids by never
# telling the rules. One endpoint_url, of any service, for a whole profile is enough.
# Seen:
#   use_fips_endpoint: https://ec2-fips.eu-west-1.amazonaws.com/
#   use_fips_endpoint and endpoint_url: http://ec2.example.org/
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check botocore==1.44.8
export HOME=$place AWS_CONFIG_FILE=$place/config AWS_SHARED_CREDENTIALS_FILE=/dev/null
keys=$'region = eu-west-1\naws_access_key_id = A\naws_secret_access_key = S\nuse_fips_endpoint = true'
printf '[profile fips]\n%s\n[profile both]\n%s\nendpoint_url = http://ec2.example.org\n' "$keys" "$keys" > "$place/config"
"$place/venv/bin/python" - > "$place/told" <<'PYTHON'
from botocore.awsrequest import AWSResponse
from botocore.session import Session


def url(profile):
    client = Session(profile=profile).create_client("ec2")
    called = []

    def answer(request, **_):
        called.append(request.url)
        return AWSResponse(request.url, 200, {}, type("Raw", (), {"stream": lambda self: iter([b"<a/>"])})())

    client.meta.events.register("before-send.ec2", answer)
    client.describe_availability_zones()
    return called[0]


print("use_fips_endpoint:", url("fips"))
print("use_fips_endpoint and endpoint_url:", url("both"))
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
