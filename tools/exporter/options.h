// SPDX-License-Identifier: BSD-3-Clause
// The exporter's command line.
#pragma once

#include "dataplane/base/result.h"
#include "dataplane/net/ip.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace vx::exporter
{

// Of IPv4: the HTTP server in Debian knows no other.
struct ListenAddress {
    IpAddress host = IpAddress::v4(0x7f000001);
    std::uint16_t port = 9950; // 0: any that is free

    std::string to_string() const; // "127.0.0.1:9950"
};

struct Options {
    ListenAddress listen;
    std::string socket_path;
    std::size_t max_devices = 1000;
};

// Text for stdout instead of a server: --help, --version.
struct Answer {
    std::string text;
};

Result<ListenAddress> parse_listen_address(std::string_view text);
Result<std::variant<Options, Answer>> parse_options(int argc, const char* const* argv, std::string_view version);

} // namespace vx::exporter
