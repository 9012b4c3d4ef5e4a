#!/bin/sh
# Before anything is installed: names the first missing or outdated tool, in one line.
python=${PYTHON:-python3}

fail() {
    echo "$1" >&2
    exit 1
}

command -v "$python" >/dev/null 2>&1 ||
    fail "Python is missing. Hostbridge needs Python 3.11 or newer: https://www.python.org/downloads/"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version 2>&1) is too old. Hostbridge needs Python 3.11 or newer; choose another with: make run PYTHON=python3.12"
command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 ||
    fail "Node.js is missing. Hostbridge needs Node 20 or newer, with npm: https://nodejs.org/"
node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' ||
    fail "Node $(node --version) is too old. Hostbridge needs Node 20 or newer: https://nodejs.org/"
