# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# The hosts and containers of tools/demo, which reads this file: their namespaces, their vxd or Linux, what is done on them,
# and how they end. Uses demo's prefix, run_dir, build, and words on the screen.
# shellcheck disable=SC2154 # those three are demo's

# --- hosts: host 1 is always vxd; host 2 is vxd or linux

role=([1]=vxd [2]=vxd)
address=([1]=192.0.2.1 [2]=192.0.2.2)

socket_of() { echo "$run_dir/h$1.sock"; }
in_netns() { ip netns exec "$prefix$1" "${@:2}"; }

# The same words for vxd and for Linux: `on 1 link add br0 type bridge`. On a vxd host, says which command of the
# tutorial it stands for.
on() {
    local host=$1
    shift
    if [[ ${role[$host]} == vxd ]]; then
        command_line "h$host" "vxctl $*"
        tutorial "$(linux_words "$@")"
        "$build/vxctl" --socket "$(socket_of "$host")" "$@" 2>&1 | indent ||
            fail "h$host: vxctl $*"
        return
    fi
    on_linux "$host" "$@"
}

# What a Linux host would be told instead.
linux_words() {
    case "$1 $2 $*" in
    "link add "*" type tap "*) echo "ip link add $3 type veth peer name ${9} mtu ${11} netns ${7}; ip link set $3 up" ;;
    "link add "*" type af_packet "*) echo "nothing, eth1 is there (vxd opens it, and answers ARP for its own address on it)" ;;
    "fdb "*) echo "bridge $*" ;;
    *) echo "ip $*" ;;
    esac
}

on_linux() {
    local host=$1 tool=ip name=$4
    shift
    case "$1 $2 $*" in
    "link add "*" type tap "*) set -- link add "$name" type veth peer name "${9}" mtu "${11}" netns "${7}" ;;
    "link add "*" type af_packet "*) set -- link set eth1 name "$name" ;;
    "fdb "*) tool=bridge ;;
    esac
    command_line "h$host" "$tool $*"
    "$tool" -n "${prefix}h$host" "$@" || fail "h$host: $tool $*"
    if [[ $1 == link && ($2 == add || $3 == eth1) ]]; then
        command_line "h$host" "ip link set $name up"
        ip -n "${prefix}h$host" link set "$name" up
    fi
}

start_host() {
    local host=$1
    if [[ ${role[$host]} == linux ]]; then
        in_netns "h$host" sysctl -q -w net.ipv4.ip_forward=1
        note "Host h$host is plain Linux: its kernel's bridge and vxlan."
    else
        start_vxd "$host"
    fi
    on "$host" link add uplink type af_packet dev eth1
    on "$host" addr add "${address[$host]}/24" dev uplink
}

start_vxd() {
    local host=$1 socket
    socket=$(socket_of "$host")
    note "Host h$host runs vxd."
    ip -n "${prefix}h$host" link set eth1 up
    command_line "h$host" "vxd --socket $socket &"
    # `ip netns exec` becomes vxd, so $! is vxd's pid. A session of its own: Ctrl-C is for the demo, which ends vxd.
    setsid ip netns exec "${prefix}h$host" "$build/vxd" --socket "$socket" --workers $((host % $(nproc))) \
        </dev/null >"$run_dir/h$host.log" 2>&1 &
    echo $! >"$run_dir/h$host.pid"
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        "$build/vxctl" --socket "$socket" link show >/dev/null 2>&1 && return
        kill -0 "$(<"$run_dir/h$host.pid")" 2>/dev/null || break
        sleep 0.05
    done
    fail "vxd on h$host did not start"
}

stop_vxd() {
    local host=$1 pid status=0
    pid=$(<"$run_dir/h$host.pid")
    kill "$pid" || fail "vxd on h$host had ended by itself"
    wait "$pid" || status=$?
    rm "$run_dir/h$host.pid"
    ((status == 0)) || fail "vxd on h$host ended with status $status"
    [[ ! -e $(socket_of "$host") ]] || fail "vxd on h$host left its socket"
}

# --- containers

# container HOST NAME ADDRESS/LENGTH BRIDGE [GATEWAY]
container() {
    local host=$1 name=$2 cidr=$3 bridge=$4 gateway=${5-} mtu=1450
    add_netns "$name"
    on "$host" link add "$name" type tap netns "$prefix$name" ifname eth0 mtu $mtu
    on "$host" link set "$name" master "$bridge"
    command_line "$name" "ip addr add $cidr dev eth0; ip link set eth0 up"
    [[ -z $gateway ]] || command_line "$name" "ip route add default via $gateway"
    ip -n "$prefix$name" addr add "$cidr" brd + dev eth0
    ip -n "$prefix$name" link set eth0 up
    [[ -z $gateway ]] || ip -n "$prefix$name" route add default via "$gateway"
}

mac_of() { in_netns "$1" cat /sys/class/net/eth0/address; }

pings() {
    command_line "$1" "ping -c 3 $2"
    local out
    out=$(in_netns "$1" ping -n -c 3 -i 0.1 -W 2 "$2") || fail "$1 cannot ping $2: $out"
    [[ $out == *" 3 received"* ]] || fail "$1 pings $2 with losses: $out"
    tail -n 2 <<<"$out" | indent
    good "$1 reaches $2"
}

pings_not() {
    command_line "$1" "ping -c 2 $2"
    local out
    if out=$(in_netns "$1" ping -n -c 2 -i 0.2 -W 0.5 "$2"); then
        fail "$1 can ping $2, and must not"
    fi
    grep transmitted <<<"$out" | indent
    good "$1 does not reach $2"
}

# transfers CLIENT SERVER ADDRESS: two seconds of TCP, and the rate that arrived.
transfers() {
    command_line "$1" "iperf3 -c $3 -t 2    (in $2: iperf3 -s)"
    in_netns "$2" iperf3 -s -1 >/dev/null 2>&1 </dev/null &
    local server=$! out tries
    for ((tries = 0; tries < 100; tries++)); do
        in_netns "$2" ss -Hltn 'sport = :5201' | grep -q . && break
        sleep 0.05
    done
    out=$(timeout 20 ip netns exec "$prefix$1" iperf3 -c "$3" -t 2) || {
        kill "$server" 2>/dev/null || true
        fail "TCP from $1 to $2: $out"
    }
    wait "$server" || true
    grep -E 'receiver' <<<"$out" | indent
    good "TCP from $1 to $2 at $(awk '/receiver/ { print $7, $8 }' <<<"$out")"
}

shows() {
    local host=$1
    shift
    if [[ ${role[$host]} == vxd ]]; then
        command_line "h$host" "vxctl $*"
        "$build/vxctl" --socket "$(socket_of "$host")" "$@" | indent || fail "h$host: vxctl $*"
    else
        local tool=ip
        [[ $1 != fdb ]] || tool=bridge
        command_line "h$host" "$tool $*"
        "$tool" -n "${prefix}h$host" "$@" | indent || fail "h$host: $tool $*"
    fi
}

arp_table() {
    command_line "$1" "ip neigh show"
    ip -n "$prefix$1" neigh show | indent
}

# --- setting up and taking down

add_netns() {
    ip netns add "$prefix$1"
    in_netns "$1" sysctl -q -w net.ipv6.conf.default.disable_ipv6=1
    ip -n "$prefix$1" link set lo up
}

# Two namespaces and a cable between them. A veth hands its other end what the kernel left to do: checksums and
# segmentation. A NIC would have done it, so that is switched off; vxd, which cannot see the other end, warns of it.
underlay() {
    local host offloads="tx off tso off gso off gro off"
    note "Two hosts and a cable: a veth pair that finishes checksums and segments, as NICs do."
    add_netns h1
    add_netns h2
    ip link add eth1 netns "${prefix}h1" type veth peer name eth1 netns "${prefix}h2"
    for host in 1 2; do
        command_line "h$host" "ethtool -K eth1 $offloads"
        # shellcheck disable=SC2086 # several words
        in_netns "h$host" ethtool -K eth1 $offloads >/dev/null
    done
}

namespaces() { ip netns list | awk -v prefix="$prefix" 'index($1, prefix) == 1 { print $1 }'; }

# Ends a process of ours, whoever's child it is: only if it still is what the pid file says.
end_vxd() {
    local host=$1 file=$run_dir/h$1.pid pid tries
    [[ -s $file ]] || return 0
    pid=$(<"$file")
    if grep -qsF "$(socket_of "$host")" "/proc/$pid/cmdline"; then
        kill "$pid" 2>/dev/null || true
        for ((tries = 0; tries < 100; tries++)); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.05
        done
        kill -9 "$pid" 2>/dev/null || true
    fi
    rm -f "$file"
}

take_down() {
    local name pid
    [[ ! -d $run_dir ]] || { end_vxd 1 && end_vxd 2; }
    for name in $(namespaces); do
        for pid in $(ip netns pids "$name" 2>/dev/null); do
            kill -9 "$pid" 2>/dev/null || true
        done
        ip netns del "$name" || true
    done
    rm -rf "$run_dir"
}
