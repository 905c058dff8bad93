# SPDX-License-Identifier: BSD-3-Clause
"""Hosts, containers and an underlay out of network namespaces, with vxd or the Linux kernel as the VXLAN end point."""
