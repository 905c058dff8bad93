# SPDX-License-Identifier: BSD-3-Clause
"""One HTTP request from inside a namespace."""

import http.client
import socket
from dataclasses import dataclass


@dataclass
class Answer:
    status: int
    type: str
    text: str


def get(namespace, address, port, path, timeout=15):
    connection = http.client.HTTPConnection(address, port)
    connection.sock = namespace.socket(socket.AF_INET, socket.SOCK_STREAM, timeout=timeout)
    try:
        connection.sock.connect((address, port))
        connection.request("GET", path)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers.get("Content-Type", ""), answer.read().decode())
    finally:
        connection.close()
