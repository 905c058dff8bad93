# SPDX-License-Identifier: BSD-3-Clause
"""Traffic whose content is checked. Sockets live in the containers' namespaces, their threads here."""

import contextlib
import hashlib
import itertools
import os
import socket
import struct
import threading
import time

from .shell import Failed, expect, is_so

_ports = itertools.count(20000)


def _family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def tcp_transfer(source, target, address=None, size=4 << 20, timeout=20):
    """Sends `size` random bytes over TCP and compares what arrived by its SHA-256."""
    address = address or target.address
    port = next(_ports)
    family = _family(address)
    data = os.urandom(min(size, 1 << 20)) * max(1, size >> 20)
    outcome = {}

    def receive(listener):
        try:
            with listener, listener.accept()[0] as connection:
                connection.settimeout(timeout)
                digest, count = hashlib.sha256(), 0
                while chunk := connection.recv(1 << 18):
                    digest.update(chunk)
                    count += len(chunk)
                outcome["got"] = (count, digest.hexdigest())
        except OSError as error:
            outcome["error"] = f"receiver: {error}"

    listener = target.namespace.socket(family, socket.SOCK_STREAM, timeout=timeout)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(1)
    receiver = threading.Thread(target=receive, args=(listener,), daemon=True)
    receiver.start()
    what = f"TCP {source.name} -> {target.name} ({address})"
    try:
        with source.namespace.socket(family, socket.SOCK_STREAM, timeout=timeout) as connection:
            connection.connect((address, port))
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            receiver.join(timeout)
    except OSError as error:
        raise Failed(f"{what}: {error}") from None
    expect("error" not in outcome, f"{what}: {outcome.get('error')}")
    expect("got" in outcome, f"{what}: did not end within {timeout} s")
    count, digest = outcome["got"]
    expect(count == len(data), f"{what}: {count} of {len(data)} bytes arrived")
    expect(digest == hashlib.sha256(data).hexdigest(), f"{what}: the bytes arrived changed")


def tcp_both_ways(one, other, size=4 << 20):
    tcp_transfer(one, other, size=size)
    tcp_transfer(other, one, size=size)


def udp_exchange(source, target, sizes=(1, 2, 17, 18, 19, 100, 1000, 1400), address=None):
    """Datagrams of these sizes arrive unchanged, in the checksum that the receiver's kernel verifies and in content."""
    address = address or target.address
    port = next(_ports)
    with target.namespace.socket(_family(address)) as receiver, source.namespace.socket(_family(address)) as sender:
        receiver.bind((address, port))
        for size in sizes:
            data = os.urandom(size)
            sender.sendto(data, (address, port))
            try:
                got = receiver.recv(65535)
            except TimeoutError:
                raise Failed(f"UDP {source.name} -> {target.name}: a datagram of {size} bytes did not arrive") from None
            expect(got == data, f"UDP {source.name} -> {target.name}: a datagram of {size} bytes arrived changed")


def udp_segments(source, target, address=None, size=1200, count=40):
    """One send() of `count` datagrams (UDP_SEGMENT): each arrives whole, and in order."""
    address = address or target.address
    port = next(_ports)
    with target.namespace.socket(_family(address)) as receiver, source.namespace.socket(_family(address)) as sender:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        receiver.bind((address, port))
        sender.setsockopt(socket.SOL_UDP, 103, size)  # UDP_SEGMENT
        data = os.urandom(size * count - 17)
        sender.sendto(data, (address, port))
        what = f"UDP {source.name} -> {target.name}, {count} datagrams in one send"
        for at in range(0, len(data), size):
            try:
                got = receiver.recv(65535)
            except TimeoutError:
                raise Failed(f"{what}: the one at {at} did not arrive") from None
            expect(got == data[at:at + size], f"{what}: the one at {at} arrived changed")


def _collect(receivers, data, seconds=3.0, settle=0.3):
    """How many times each got `data`: waits until all have it once, then a little longer for one too many."""
    counts = {receiver: 0 for receiver, _ in receivers}

    def poll():
        for receiver, sock in receivers:
            with contextlib.suppress(BlockingIOError):
                while True:
                    counts[receiver] += sock.recv(65535) == data
        return all(counts.values())

    is_so(poll, seconds)
    time.sleep(settle)
    poll()
    return {receiver.name: count for receiver, count in counts.items()}


def _to_group(source, receivers, destination, prepare_receiver, prepare_sender):
    port = next(_ports)
    data = os.urandom(64)
    with contextlib.ExitStack() as stack:
        opened = []
        for receiver in receivers:
            sock = stack.enter_context(receiver.namespace.socket())
            sock.setblocking(False)
            sock.bind(("", port))
            prepare_receiver(receiver, sock)
            opened.append((receiver, sock))
        sender = stack.enter_context(source.namespace.socket())
        prepare_sender(sender)
        sender.sendto(data, (destination, port))
        return _collect(opened, data)


def broadcast(source, receivers, destination="255.255.255.255"):
    """Name of each receiver -> how many copies of one broadcast it got."""
    def sender(sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, source.interface.encode())
    return _to_group(source, receivers, destination, lambda *_: None, sender)


def multicast(source, receivers, group="239.1.2.3"):
    def join(receiver, sock):
        request = struct.pack("4s4s", socket.inet_aton(group), socket.inet_aton(receiver.address))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)

    def sender(sock):
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(source.address))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 4)
    return _to_group(source, receivers, group, join, sender)


class Stream:
    """A datagram a millisecond from one container to another, until the block ends."""

    def __init__(self, source, target):
        self.source, self.target = source, target
        self.count = 0
        self._ended = threading.Event()

    def __enter__(self):
        port = next(_ports)
        self._receiver = self.target.namespace.socket(timeout=0.1)
        self._receiver.bind((self.target.address, port))
        self._sender = self.source.namespace.socket()
        self._threads = [threading.Thread(target=self._send, args=((self.target.address, port),), daemon=True),
                         threading.Thread(target=self._receive, daemon=True)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._receiver.close()
        self._sender.close()

    def _send(self, to):
        number = 0
        while not self._ended.wait(0.001):
            number += 1
            with contextlib.suppress(OSError):  # the device may be gone for a while: that is what tests do to it
                self._sender.sendto(struct.pack("!Q", number) + bytes(492), to)

    def _receive(self):
        while not self._ended.is_set():
            with contextlib.suppress(OSError):
                self._receiver.recv(65535)
                self.count += 1

    def flows(self, timeout=5):
        """At least ten datagrams arrive from now on."""
        start = self.count
        expect(is_so(lambda: self.count >= start + 10, timeout),
               f"the stream {self.source.name} -> {self.target.name} does not flow: {self.count - start} datagrams"
               f" in {timeout} s")

    def stops(self, timeout=1.0, quiet=0.3):
        """Nothing arrives any more, after at most `timeout` for what was in queues."""
        end = time.monotonic() + timeout
        while True:
            start = self.count
            time.sleep(quiet)
            if self.count == start:
                return
            expect(time.monotonic() < end, f"the stream {self.source.name} -> {self.target.name} does not stop:"
                                           f" {self.count - start} datagrams in {quiet} s")
