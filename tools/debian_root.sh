# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# A Debian of its own in a folder, for tools/image and tests/package/run, which read this file. Needs root and a Debian
# mirror, which is this machine's own (or $DEBIAN_MIRROR). What debootstrap makes is kept for the next time in
# ~/.cache/vxd-package. Uses the reader's die and say.

release=bookworm
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vxd-package

# The machine's own, as apt has it.
mirror_of_apt() {
    apt-get indextargets --format '$(CODENAME) $(SITE)' 'Created-By: Packages' | sed -n "s/^$release //p" | head -n 1
}

# make_root FOLDER: a minimal system, with the machine's kernel file systems in it; apt there knows the mirror.
make_root() {
    local root=$1 base=$cache/$release.tar mirror=${DEBIAN_MIRROR:-$(mirror_of_apt)}
    [[ $mirror ]] || die "apt names no mirror to make a Debian from: say one in \$DEBIAN_MIRROR"
    if [[ ! -e $base ]]; then
        say "debootstrap of $release"
        mkdir -p "$cache"
        debootstrap --variant=minbase "$release" "$root" "$mirror" >"$cache/log" 2>&1 || {
            tail -n 20 "$cache/log" >&2
            die "debootstrap failed"
        }
        tar -C "$root" -cf "$base.new" . && mv "$base.new" "$base"
    else
        tar -C "$root" -xf "$base"
    fi
    cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # no service is started here
    chmod +x "$root/usr/sbin/policy-rc.d"
    chmod 0755 "$root" # readers have to come in
    # shellcheck disable=SC2015 # whichever of them fails
    mount -t proc proc "$root/proc" && mount --rbind /sys "$root/sys" && mount --make-rslave "$root/sys" &&
        mount --rbind /dev "$root/dev" && mount --make-rslave "$root/dev" || die "mount"
    printf 'deb %s %s main\n' "$mirror" "$release" "$mirror" "$release-updates" "${mirror%/}-security" "$release-security" \
        >"$root/etc/apt/sources.list"
}

unmount_root() {
    umount -R "$1/proc" "$1/sys" "$1/dev" 2>/dev/null
    ! mountpoint -q "$1/proc" && ! mountpoint -q "$1/sys" && ! mountpoint -q "$1/dev"
}
remove_root() { unmount_root "$1" && rm -rf --one-file-system "$1"; }

# inside_root FOLDER COMMAND...
inside_root() {
    local root=$1
    shift
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"
}
