#!/usr/bin/env bash
# uv 0.13.9 installs two packages that bring a script of the same name without a warning, and keeps one of the two
# scripts in no fixed order, though one package needs the other. pip installs the needed package first, so that the
# script of the package that was asked for stays.
# Seen:
#   pip keeps the script of: top
#   uv warns: no
#   uv keeps the script of, in 40 environments: both top and base
set -euo pipefail
self=$(realpath "$0")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv tools
tools/bin/pip install --quiet --disable-pip-version-check uv==0.13.9 setuptools==84.2.1 wheel==0.48.0
for name in base top; do
    mkdir "$name"
    printf 'def main():\n    print("%s")\n' "$name" > "$name/${name}_of_two.py"
    needs=$([ "$name" = top ] && echo '"base-of-two"' || true)
    cat > "$name/pyproject.toml" <<END
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "$name-of-two"
version = "1.0"
dependencies = [$needs]
[project.scripts]
of-two = "${name}_of_two:main"
[tool.setuptools]
py-modules = ["${name}_of_two"]
END
    tools/bin/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation -w dist "./$name"
done
python3 -m venv pip
pip/bin/pip install --quiet --disable-pip-version-check --no-index --find-links dist top-of-two
echo "pip keeps the script of: $(pip/bin/of-two)" > told
export UV_CACHE_DIR=$place/cache
for number in $(seq 40); do
    tools/bin/uv venv --quiet "env$number"
    tools/bin/uv pip install --no-index --find-links dist --python "env$number/bin/python" top-of-two 2>> said
    "env$number/bin/of-two" >> kept
done
echo "uv warns: $(grep -qi warning said && echo yes || echo no)" >> told
echo "uv keeps the script of, in 40 environments: $(sort -ru kept | paste -sd ' ' | sed 's/top base/both top and base/')" >> told
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$self")
diff <(printf '%s\n' "$seen") "$place/told"
