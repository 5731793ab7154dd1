"""Openrc files as dashboards and installers write them, in our own words; URL is the recording server."""

HORIZON = """
#!/usr/bin/env bash
export OS_AUTH_URL=URL/v3
# The project, and an older name that must not stay.
export OS_PROJECT_ID=a1b2
export OS_PROJECT_NAME="demo lab"
export OS_USER_DOMAIN_NAME="Default"
if [ -z "$OS_USER_DOMAIN_NAME" ]; then unset OS_USER_DOMAIN_NAME; fi
export OS_PROJECT_DOMAIN_ID="default"
if [ -z "$OS_PROJECT_DOMAIN_ID" ]; then unset OS_PROJECT_DOMAIN_ID; fi
unset OS_TENANT_ID
unset OS_TENANT_NAME
export OS_USERNAME="ann"
echo "Password of $OS_USERNAME for project $OS_PROJECT_NAME: "
read -sr OS_PASSWORD_INPUT
export OS_PASSWORD=$OS_PASSWORD_INPUT
export OS_REGION_NAME="PLACE"
if [ -z "$OS_REGION_NAME" ]; then unset OS_REGION_NAME; fi
export OS_INTERFACE=public
export OS_IDENTITY_API_VERSION=3
"""
APPLICATION = """
export OS_AUTH_TYPE=v3applicationcredential
export OS_AUTH_URL=URL/v3
export OS_IDENTITY_API_VERSION=3
export OS_REGION_NAME="RegionTwo"
export OS_INTERFACE=public
export OS_APPLICATION_CREDENTIAL_ID=5e4f
export OS_APPLICATION_CREDENTIAL_SECRET='a$b"c'
"""
FEDERATED = """
export OS_AUTH_TYPE="v3oidcpassword"
export OS_AUTH_URL="URL/v3"
export OS_IDENTITY_API_VERSION=3
export OS_PROJECT_ID="a1b2"
export OS_IDENTITY_PROVIDER="campus" OS_PROTOCOL="openid"
export OS_DISCOVERY_ENDPOINT="URL/.well-known/openid-configuration"
export OS_CLIENT_ID="keystone-lab"
export OS_CLIENT_SECRET="none"
export OS_ACCESS_TOKEN_TYPE="access_token"
export OS_REGION_NAME="RegionOne"
export OS_USERNAME="ann@example.org"
if [ -z "${OS_PASSWORD}" ]; then
  echo "($OS_USERNAME) password: "; read -sr OS_PASSWORD_INPUT; export OS_PASSWORD="$OS_PASSWORD_INPUT"
fi
"""
KOLLA = """
# Made by the installer
for key in $( set | awk -F= '/^OS_/ {print $1}' ); do
    unset $key
done
export OS_PROJECT_DOMAIN_NAME='Default'
export OS_USER_DOMAIN_NAME='Default'
export OS_PROJECT_NAME='admin'
export OS_TENANT_NAME='admin'
export OS_USERNAME='admin'
export OS_PASSWORD='p;w#1'
export OS_AUTH_URL='URL'
export OS_INTERFACE='internal'
export OS_ENDPOINT_TYPE='internalURL'
export OS_MANILA_ENDPOINT_TYPE='internalURL'
export OS_IDENTITY_API_VERSION='3'
export OS_REGION_NAME='RegionTwo'
export OS_AUTH_PLUGIN='password'
"""
DEVSTACK = """
if [[ -n "$1" ]]; then OS_USERNAME=$1; fi
if [[ -n "$2" ]]; then
    OS_PROJECT_NAME=$2
fi
HOST=${SERVICE_HOST:-URL}
export OS_PROJECT_NAME=${OS_PROJECT_NAME:-demo}
export OS_TENANT_NAME=$OS_PROJECT_NAME
export OS_USERNAME=${OS_USERNAME:-demo}
export OS_PASSWORD=${ADMIN_PASSWORD:-secret}
export OS_REGION_NAME=${REGION_NAME:-RegionOne}
export OS_AUTH_TYPE=password OS_USER_DOMAIN_ID=${OS_USER_DOMAIN_ID:-default}
export OS_PROJECT_DOMAIN_ID=${OS_PROJECT_DOMAIN_ID:-"default"}
export OS_AUTH_URL=$HOST/v3
"""
PACKSTACK = r"""
unset OS_SERVICE_TOKEN
    export OS_USERNAME=admin
    export OS_PASSWORD='ab12'
    export OS_REGION_NAME=RegionOne
    export OS_AUTH_URL=URL/v3
    export PS1='[\u@\h \W(keystone_admin)]\$ '

export OS_PROJECT_NAME=admin
export OS_USER_DOMAIN_NAME=Default
export OS_PROJECT_DOMAIN_NAME=Default
export OS_IDENTITY_API_VERSION=3
"""
TRIPLEO = r"""
for key in $( set | awk '{FS="="}  /^OS_/ {print $1}' ); do unset $key ; done
export OS_USERNAME=admin
export OS_PROJECT_NAME=admin
export OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default
export OS_NO_CACHE=True
export OS_CLOUDNAME=overcloud
export no_proxy=,127.0.0.1
export PYTHONWARNINGS='ignore:Certificate has no, ignore:A true SSLContext object is not available'
export OS_AUTH_TYPE=password
export OS_PASSWORD=s3cret
export OS_AUTH_URL=URL
export OS_IDENTITY_API_VERSION=3
export OS_COMPUTE_API_VERSION=2.61
export OS_IMAGE_API_VERSION=2
export COMPUTE_API_VERSION=1.1
export NOVA_VERSION=1.1
export OS_REGION_NAME=RegionOne
# Add the name of the cloud to the prompt
if [ -z "${CLOUDPROMPT_ENABLED:-}" ]; then
    export PS1=${PS1:-""}
    export PS1=\${OS_CLOUDNAME:+"(\$OS_CLOUDNAME)"}\ $PS1
    export CLOUDPROMPT_ENABLED=1
fi
"""
OVH = """
#!/bin/bash
export OS_AUTH_URL=URL/v3
export OS_IDENTITY_API_VERSION=3
export OS_USER_DOMAIN_NAME=${OS_USER_DOMAIN_NAME:-"Default"}
export OS_PROJECT_DOMAIN_NAME=${OS_PROJECT_DOMAIN_NAME:-"Default"}
export OS_TENANT_ID=0f0f0f
export OS_TENANT_NAME="123456789"
export OS_USERNAME="user-xY"
echo "Please enter the password: "
read -sr OS_PASSWORD_INPUT
export OS_PASSWORD=$OS_PASSWORD_INPUT
export OS_REGION_NAME="RegionTwo"
if [ -z "$OS_REGION_NAME" ]; then unset OS_REGION_NAME; fi
"""
HEAD = "export OS_AUTH_URL=URL/v3 OS_REGION_NAME=RegionOne\n"
USER = "export OS_USERNAME=ann OS_PASSWORD=pw OS_USER_DOMAIN_ID=default\n"
PLAIN = HEAD + USER + "export OS_PROJECT_NAME=demo OS_PROJECT_DOMAIN_ID=default\n"
CHOICE = (
    PLAIN
    + """
site() {
    local base=RegionOne
    case "$1" in
        *two*|*2) base=RegionTwo ;;
        *) : ;;
    esac
    export OS_REGION_NAME=$base
}
site the-two && export OS_PROJECT_NAME="${OS_PROJECT_NAME%mo}sk"
[ "$OS_PROJECT_NAME" = desk ] || export OS_USERNAME=eve
( export OS_USERNAME=mallory )
OS_USERNAME=trudy true
cat <<HELP
export OS_USERNAME=grace
HELP
"""
)
SHAPES = {
    "horizon": HORIZON.replace("PLACE", "RegionTwo"),
    "horizon, no region": HORIZON.replace("PLACE", ""),
    "application credential": APPLICATION,
    "application credential by name": APPLICATION.replace("_ID=5e4f", "_NAME=laptop") + USER,
    "a password left over": APPLICATION + "export OS_PASSWORD=old\n",
    "chameleon": FEDERATED,
    "access token": FEDERATED.replace("v3oidcpassword", "v3oidcaccesstoken") + "export OS_ACCESS_TOKEN=abc\n",
    "client credentials": FEDERATED.replace("v3oidcpassword", "v3oidcclientcredentials"),
    "kolla": KOLLA,
    "devstack": DEVSTACK,
    "packstack": PACKSTACK,
    "tripleo": TRIPLEO,
    "ovh": OVH,
    "plain": PLAIN,
    "functions and cases": CHOICE,
    "not exported": PLAIN.replace("export ", ""),
    "lines of windows": PLAIN.replace("\n", "\r\n"),
    "declared": PLAIN.replace("export ", "declare -x "),
    "allexport": "set -a\n" + PLAIN.replace("export ", ""),
    "ids": HEAD + "export OS_USER_ID=u1 OS_PASSWORD=$'p\\'w' OS_PROJECT_ID=p1\n",
    "id and name": PLAIN + "export OS_PROJECT_ID=p1\n",
    "old names": HEAD
    + USER
    + "export OS_TENANT_NAME=demo OS_ENDPOINT_TYPE=internalURL OS_DEFAULT_DOMAIN=default\n",
    "old name and id": HEAD
    + USER
    + "export OS_TENANT_NAME=demo OS_TENANT_ID=t1 OS_PROJECT_DOMAIN_ID=default\n",
    "default domains": HEAD + "export OS_USERNAME=ann OS_PASSWORD=pw OS_PROJECT_NAME=demo "
    "OS_DEFAULT_DOMAIN_NAME=D\n",
    "no domains": HEAD + "export OS_USERNAME=ann OS_PASSWORD=pw OS_PROJECT_NAME=demo\n",
    "internal": PLAIN + "export OS_INTERFACE=internal\n",
    "admin": PLAIN + "export OS_INTERFACE=adminURL\n",
    "token": HEAD + "export OS_AUTH_TYPE=v3token OS_TOKEN=t0k OS_PROJECT_ID=p1\n",
    "token, short name": HEAD + "export OS_AUTH_TYPE=token OS_TOKEN=t0k OS_PROJECT_NAME=demo "
    "OS_PROJECT_DOMAIN_NAME=D\n",
    "system scope": HEAD + USER + "export OS_SYSTEM_SCOPE=all\n",
    "domain scope": HEAD + USER + "export OS_DOMAIN_NAME=D\n",
    "trust": HEAD + USER + "export OS_TRUST_ID=t1\n",
    "override": PLAIN + "export OS_COMPUTE_ENDPOINT_OVERRIDE=URL/compute/RegionTwo/admin/v2.1\n",
    "microversion": PLAIN + "export OS_COMPUTE_API_VERSION=2.61\n",
    "unversioned": PLAIN.replace("URL/v3", "URL"),
    "names of a shell": PLAIN + "export OS_REGION_NAME\nexport -n OS_USER_ID\nunset OS_CLOUD\n",
}
