#!/usr/bin/env bash
# Builds Rose's container images, rose:local or those named: image.sh [local] [cloud] [models].
#
# With docker, podman or buildah from the usual base images where their registry answers. Where it doesn't, with buildah
# from base images made here: Debian by debootstrap from the mirror that apt uses, this machine's Rust and Node on it.
# How this machine's apt, npm and cargo reach their packages is mounted while it builds, and is in no image.
set -euo pipefail
cd "$(dirname "$0")/.."

name=${IMAGE:-rose}
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(local)

# The Dockerfile's own base, asked for as a sign of life.
base_image() { sed -n "s/^ARG $1=//p" Dockerfile; }

build_with() {
    local engine=$1 target
    for target in "${targets[@]}"; do
        case $engine in
            buildah) buildah build --layers --format docker --target "$target" --tag "$name:$target" . ;;
            *) "$engine" build --target "$target" --tag "$name:$target" . ;;
        esac
    done
}

for engine in docker podman buildah; do
    command -v "$engine" >/dev/null 2>&1 || continue
    if timeout 120 "$engine" pull -q "$(base_image RUNTIME_IMAGE)" >/dev/null 2>&1; then
        build_with "$engine"
        exit
    fi
done

echo "no container registry answers: building on base images made here" >&2
missing=()
for program in buildah debootstrap; do
    command -v "$program" >/dev/null 2>&1 || missing+=("$program")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "${missing[*]}: not installed. As root: apt-get install ${missing[*]}" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "debootstrap needs root: run this with sudo --preserve-env" >&2
    exit 1
fi
# Neither needs rights that a container or a small machine may not give.
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs

work=$(mktemp -d /var/tmp/rose-image.XXXXXX)
trap 'rm -rf "$work"' EXIT
chmod 700 "$work"

# commit FOLDER NAME [FROM]: an image with the folder's files.
commit() {
    local container
    container=$(buildah from --pull-never "${3:-scratch}")
    buildah add --quiet "$container" "$1" / >/dev/null
    buildah commit --quiet --rm "$container" "$2" >/dev/null
}

# shellcheck source=/dev/null
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
base=localhost/rose-base:$suite
if ! buildah images --quiet "$base" >/dev/null 2>&1; then
    # shellcheck disable=SC2016 # They are apt's to fill in.
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
        awk -v suite="$suite" '$2 == suite { print $1; exit }')
    echo "making $base" >&2
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$work/base" "$mirror" >"$work/log" 2>&1 || {
        tail -n 5 "$work/log" >&2
        exit 1
    }
    # Nothing of this machine: neither its mirror, nor its name, nor where it looks names up.
    echo "deb https://deb.debian.org/debian $suite main" >"$work/base/etc/apt/sources.list"
    rm -rf "$work"/base/etc/{resolv.conf,hostname} "$work"/base/var/{log/*,cache/apt/*,lib/apt/lists/*}
    commit "$work/base" "$base"
fi

tools=localhost/rose-tools:$(rustc --version | cut -d ' ' -f 2)-$(node --version)
if ! buildah images --quiet "$tools" >/dev/null 2>&1; then
    echo "making $tools" >&2
    install -d "$work/tools/usr/local/bin" "$work/tools/usr/local/lib/node_modules"
    rust=$(rustc --print sysroot)
    cp -a "$rust/bin/cargo" "$rust/bin/rustc" "$work/tools/usr/local/bin/"
    cp -a "$rust/lib/." "$work/tools/usr/local/lib/"
    cp -aL "$(command -v node)" "$work/tools/usr/local/bin/node"
    cp -a "$(npm root --global)/npm" "$work/tools/usr/local/lib/node_modules/"
    ln -s ../lib/node_modules/npm/bin/npm-cli.js "$work/tools/usr/local/bin/npm"
    commit "$work/tools" "$tools" "$base"
fi

# How this machine reaches its packages, for as long as the build runs.
mounts=(--volume /etc/apt:/etc/apt:ro)
certificates=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
mounts+=(--volume "$certificates:/run/certificates.crt:ro")
npmrc=$(npm config get userconfig)
{ [ ! -f "$npmrc" ] || cat "$npmrc"; echo "cafile=/run/certificates.crt"; } >"$work/npmrc"
mounts+=(--volume "$work/npmrc:/root/.npmrc:ro")
# Cargo reads it beside its own configuration, being above the source.
printf '[http]\ncainfo = "/run/certificates.crt"\n' >"$work/cargo.toml"
mounts+=(--volume "$work/cargo.toml:/.cargo/config.toml:ro")
# What cargo has fetched is not fetched again, and what it builds is kept for the next time.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
[ ! -f "$cargo_home/config.toml" ] || mounts+=(--volume "$cargo_home/config.toml:/root/.cargo/config.toml:ro")
install -d "$cargo_home/registry"
mounts+=(--volume "$cargo_home/registry:/root/.cargo/registry")

for target in "${targets[@]}"; do
    # A folder for each: the one's features are not the other's.
    built=${IMAGE_CACHE:-/var/tmp/rose-image-cache}/$target
    [ "$target" != models ] || built=${built%/*}/local
    install -d "$built"
    echo "building $name:$target" >&2
    # By layers, so that one target's stages serve the next.
    buildah build --layers --format docker --pull-never "${mounts[@]}" --volume "$built:/src/target" \
        --build-arg NODE_IMAGE="$tools" --build-arg RUST_IMAGE="$tools" --build-arg RUNTIME_IMAGE="$base" \
        --target "$target" --tag "$name:$target" .
done
