r"""How the machines of a cloud know one another's names, and how their clock is set after a suspension.

The contract between this computer and any guest:

* ``cms`` keeps a file ``hosts`` with a line ``ADDRESS NAME`` for each machine of the cloud that is on the
  second network, and every machine can read it by TFTP: file ``hosts`` of 10.0.2.2, mode octet.
* The vendor data of the seed are a shell script, which cloud-init runs once for a new machine. It installs a
  service that reads this file every few seconds and puts it into /etc/hosts between two lines, ``# cloudmesh:
  begin`` and ``# cloudmesh: end``; all else in the file stays. It needs python3, which is there wherever
  cloud-init is, or a busybox with ``tftp``.
* The clock of the hardware (/sys/class/rtc/rtc0/since_epoch, UTC) follows this computer's, also while the
  machine is suspended; the one of the guest's system does not, and is behind after ``resume``. The service
  sets it forward when it is more than a second behind. Without that service, or another such as chrony, it
  stays behind.
* A guest without cloud-init may do the same by itself, without that script.

The first network is QEMU's own: 10.0.2.15 by DHCP, the gateway and this computer at 10.0.2.2, name server
10.0.2.3. The card of the second one is told by its MAC in the seed's network configuration.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cloudmesh.cloud.providers.qemu.state import MachineState
from cloudmesh.plugin.files import make_private_directory, replace_private

FOLDER, FILE = ".hosts", "hosts"
BEGIN, END = "# cloudmesh: begin", "# cloudmesh: end"

_PYTHON = f'''\
import socket, struct, time

BEGIN, END = "{BEGIN}", "{END}"


def fetch():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(3)
        link.sendto(b"\\0\\1hosts\\0octet\\0", ("10.0.2.2", 69))
        text, block = b"", 1
        while True:
            packet, sender = link.recvfrom(2048)
            kind, number = struct.unpack("!HH", packet[:4])
            if kind != 3:
                raise OSError("no such file")
            link.sendto(struct.pack("!HH", 4, number), sender)
            if number == block & 0xFFFF:
                text, block = text + packet[4:], block + 1
                if len(packet) < 516:
                    return text.decode()


def place(text):
    try:
        with open("/etc/hosts") as file:
            old = file.read()
    except FileNotFoundError:
        old = ""
    head, _, rest = old.partition(BEGIN)
    tail = rest.partition(END + "\\n")[2]
    head = head if head.endswith("\\n") or not head else head + "\\n"
    new = head + BEGIN + "\\n" + text + END + "\\n" + tail
    if new != old:
        with open("/etc/hosts", "w") as file:
            file.write(new)


def mend_clock():
    with open("/sys/class/rtc/rtc0/since_epoch") as file:
        hardware = int(file.read())
    if hardware - time.time() > 1:
        time.clock_settime(time.CLOCK_REALTIME, hardware)


while True:
    for each in (mend_clock, lambda: place(fetch())):
        try:
            each()
        except (OSError, ValueError):
            pass
    time.sleep(3)
'''
_SHELL = f"""\
while :; do
    hardware=$(cat /sys/class/rtc/rtc0/since_epoch 2>/dev/null || echo 0)
    [ $((hardware - $(date +%s))) -gt 1 ] && date -s "@$hardware" >/dev/null
    if busybox tftp -g -r hosts -l /run/cloudmesh-hosts 10.0.2.2 2>/dev/null; then
        {{
            sed '/^{BEGIN}$/,/^{END}$/d' /etc/hosts
            echo '{BEGIN}'
            cat /run/cloudmesh-hosts
            echo '{END}'
        }} >/run/cloudmesh-new
        cmp -s /run/cloudmesh-new /etc/hosts || cat /run/cloudmesh-new >/etc/hosts
    fi
    sleep 3
done
"""
#: What cloud-init runs in a new machine.
VENDOR_DATA = f"""\
#!/bin/sh
# Machines of one cloud know one another's names, and their clock is right after a suspension.
program=/usr/local/sbin/cloudmesh-names
mkdir -p /usr/local/sbin
if command -v python3 >/dev/null; then
    {{ echo "#!$(command -v python3)"; cat <<'PYTHON'
{_PYTHON}PYTHON
    }} >$program
else
    {{ echo "#!/bin/sh"; cat <<'SHELL'
{_SHELL}SHELL
    }} >$program
fi
chmod 755 $program
if [ -d /run/systemd/system ]; then
    cat >/etc/systemd/system/cloudmesh-names.service <<'UNIT'
[Unit]
Description=Names of the other machines of this cloud
[Service]
ExecStart=/usr/local/sbin/cloudmesh-names
Restart=always
RestartSec=5
[Install]
WantedBy=multi-user.target
UNIT
    systemctl daemon-reload
    systemctl enable --now --no-block cloudmesh-names.service
else
    if [ -d /etc/local.d ]; then
        printf '#!/bin/sh\\n%s >/dev/null 2>&1 &\\n' $program >/etc/local.d/cloudmesh-names.start
        chmod 755 /etc/local.d/cloudmesh-names.start
    fi
    $program >/dev/null 2>&1 </dev/null &
fi
"""


def write_hosts(cloud_folder: Path, states: Iterable[MachineState]) -> None:
    """Write the table that all machines of a cloud read, in one step. Raises OSError."""
    lines = sorted(f"{each.lan_address} {each.name}\n" for each in states if each.lan_address)
    file, content = cloud_folder / FOLDER / FILE, "".join(lines).encode()
    make_private_directory(file.parent)
    if not file.exists() or file.read_bytes() != content:
        replace_private(file, content, sync=False)
