#!/usr/bin/env bash
# prompt_toolkit 3.0.53 shows the bottom toolbar of a prompt only once it knows how many rows are below the cursor,
# which it asks the terminal (CPR). With that question switched off by PROMPT_TOOLKIT_NO_CPR=1, as one does for
# terminals that do not answer, the toolbar never appears, and nothing says so.
# Seen:
#   the terminal is asked and answers: prompt yes, toolbar yes
#   the terminal is not asked: prompt yes, toolbar no
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check prompt_toolkit==3.0.53
cat > "$place/prompt.py" <<'END'
from prompt_toolkit import PromptSession

PromptSession("here> ", bottom_toolbar=lambda: "at-the-bottom").prompt()
END
cat > "$place/watch.py" <<'END'
import fcntl, os, pty, select, struct, sys, termios, time

QUESTION, ANSWER = b"\x1b[6n", b"\x1b[1;1R"
for words, more in (("is asked and answers", {}), ("is not asked", {"PROMPT_TOOLKIT_NO_CPR": "1"})):
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update(TERM="xterm", **more)
        os.execv(sys.executable, [sys.executable, sys.argv[1]])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    seen, end = b"", time.monotonic() + 5
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            new = os.read(terminal, 4096)
            if QUESTION in new:
                os.write(terminal, ANSWER)
            seen += new
    os.write(terminal, b"\r")
    os.waitpid(process, 0)
    told = ["yes" if word in seen else "no" for word in (b"here>", b"at-the-bottom")]
    print(f"the terminal {words}: prompt {told[0]}, toolbar {told[1]}")
END
"$place/venv/bin/python" "$place/watch.py" "$place/prompt.py" > "$place/told"
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
