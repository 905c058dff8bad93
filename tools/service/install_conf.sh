#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Part of `meson install`: puts the example FROM at TO, unless there is a configuration already.
set -e
to=${DESTDIR-}$2
if [ -e "$to" ]; then
    echo "$to is there already, and stays as it is"
else
    install -D -m 0644 "$1" "$to"
fi
