#!/usr/bin/env bash
# botocore 1.44.8: a profile that stands in both files is one profile for all keys (role_arn, region, ...) but those of a key: the
# session token beside an access key in credentials must stand there too, one in config is not used, and the old name
# aws_security_token wins over aws_session_token even if it is empty. sso_session alone, without an account and a role, is no
# single sign-on: the access key is used.
# Seen:
#   token in config: None
#   empty aws_security_token: ''
#   sso_session and a key: shared-credentials-file
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check botocore==1.44.8
export HOME=$place AWS_CONFIG_FILE=$place/config AWS_SHARED_CREDENTIALS_FILE=$place/credentials
keys=$'aws_access_key_id = A\naws_secret_access_key = S'
printf '[%s]\n'"$keys"'\n%s\n' one '' two $'aws_session_token = t\naws_security_token =' three '' > "$place/credentials"
printf '[profile one]\naws_session_token = t\n[profile three]\nsso_session = x\n[sso-session x]\nsso_region = r\nsso_start_url = u\n' \
    > "$place/config"
"$place/venv/bin/python" - > "$place/told" <<'PYTHON'
from botocore.session import Session


def credentials(profile):
    return Session(profile=profile).get_credentials()


print("token in config:", credentials("one").token)
print("empty aws_security_token:", repr(credentials("two").token))
print("sso_session and a key:", credentials("three").method)
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
