// SPDX-License-Identifier: BSD-3-Clause
#include "tools/exporter/options.h"

#include "control/wire/wire.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>

namespace vx::exporter
{

namespace
{

constexpr std::size_t kMostDevices = 65536; // more than vxd can have

template <typename Number>
std::optional<Number> parse_number(std::string_view text)
{
    Number number = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || status != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return number;
}

} // namespace

std::string ListenAddress::to_string() const
{
    return fmt::format("{}:{}", host.to_string(), port);
}

Result<ListenAddress> parse_listen_address(std::string_view text)
{
    const std::size_t colon = std::min(text.find(':'), text.size());
    const auto host = IpAddress::parse(text.substr(0, colon));
    const auto port = parse_number<std::uint16_t>(text.substr(std::min(colon + 1, text.size())));
    if (!host || !host->is_v4() || !port)
        return usage_error("\"{}\" is not an IPv4 address and a port, such as 127.0.0.1:9950", text);
    return ListenAddress{*host, *port};
}

Result<std::variant<Options, Answer>> parse_options(int argc, const char* const* argv, std::string_view version)
{
    Options options;
    options.socket_path = default_socket_path();
    std::string listen, max_devices;
    CLI::App app("vxd-exporter: what vxd counts, as metrics for Prometheus.", "vxd-exporter");
    app.add_option("--listen", listen,
                   fmt::format("serve http://ADDRESS:PORT/metrics (default: {}); port 0 is any that is free",
                               options.listen.to_string()))
        ->type_name("ADDRESS:PORT");
    app.add_option("--socket", options.socket_path,
                   fmt::format("vxd's socket (default: ${}, else {})", kSocketPathVariable, kDefaultSocketPath))
        ->type_name("PATH");
    app.add_option("--max-devices", max_devices,
                   fmt::format("how many devices have metrics of their own; the others are summed (default: {})",
                               options.max_devices))
        ->type_name("COUNT");
    app.set_version_flag("--version", fmt::format("vxd-exporter {}", version), "print the version and exit");
    app.set_help_flag("-h,--help", "print this help and exit");

    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        return std::variant<Options, Answer>(Answer{app.help()});
    } catch (const CLI::CallForVersion&) {
        return std::variant<Options, Answer>(Answer{fmt::format("vxd-exporter {}\n", version)});
    } catch (const CLI::ParseError& failure) {
        return usage_error("{} (try vxd-exporter --help)", failure.what());
    }

    if (options.socket_path.empty())
        return usage_error("--socket: the path is empty");
    if (app.count("--listen") > 0) {
        const auto address = parse_listen_address(listen);
        if (!address)
            return usage_error("--listen: {}", address.error().message);
        options.listen = *address;
    }
    if (app.count("--max-devices") > 0) {
        const auto count = parse_number<std::size_t>(max_devices);
        if (!count || *count > kMostDevices)
            return usage_error("--max-devices: \"{}\" is not a number from 0 to {}", max_devices, kMostDevices);
        options.max_devices = *count;
    }
    return std::variant<Options, Answer>(std::move(options));
}

} // namespace vx::exporter
