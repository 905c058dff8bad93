// SPDX-License-Identifier: BSD-3-Clause
// vxd-exporter: serves what vxd counts over HTTP, for Prometheus. It needs no privilege but to open vxd's socket, and
// only looks: vxd_up says whether vxd answers, whatever else it does.
//
// Exit status: 0 after SIGTERM or SIGINT, 1 for a command line that could not be understood, 2 for an address that
// cannot be served on.
#include "tools/exporter/collector.h"
#include "tools/exporter/options.h"

#include "dataplane/base/file_descriptor.h"

#include <netinet/in.h>
#include <prometheus/exposer.h>
#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace vx::exporter
{

namespace
{

// The HTTP server does not say why it cannot; the kernel does.
Result<> check_listening(const ListenAddress& address)
{
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(address.port);
    in.sin_addr.s_addr = htonl(address.host.v4_host());
    const FileDescriptor fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd.get(), reinterpret_cast<const sockaddr*>(&in), sizeof(in)) != 0)
        return error("listen on {}: {}", address.to_string(), std::strerror(errno));
    return Ok{};
}

Result<> serve(const Options& options)
{
    // Before the server's threads, which are not to have them.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    if (auto checked = check_listening(options.listen); !checked)
        return checked;
    const auto collector = std::make_shared<Collector>(options.socket_path, options.max_devices);
    ListenAddress served = options.listen;
    try {
        prometheus::Exposer exposer(options.listen.to_string());
        exposer.RegisterCollectable(collector);
        if (const auto ports = exposer.GetListeningPorts(); !ports.empty())
            served.port = static_cast<std::uint16_t>(ports.front());
        fmt::print(stderr, "vxd-exporter: http://{}/metrics shows the vxd on {}\n", served.to_string(),
                   options.socket_path);
        int signal = 0;
        sigwait(&signals, &signal);
    } catch (const std::exception& failure) {
        return error("serve on {}: {}", options.listen.to_string(), failure.what());
    }
    return Ok{};
}

} // namespace

} // namespace vx::exporter

int main(int argc, char** argv)
{
    using namespace vx::exporter;
    const auto parsed = parse_options(argc, argv, VXD_VERSION);
    if (!parsed) {
        fmt::print(stderr, "vxd-exporter: {}\n", parsed.error().message);
        return 1;
    }
    if (const auto* answer = std::get_if<Answer>(&*parsed)) {
        fmt::print("{}", answer->text);
        return 0;
    }
    if (const auto served = serve(std::get<Options>(*parsed)); !served) {
        fmt::print(stderr, "vxd-exporter: {}\n", served.error().message);
        return 2;
    }
    return 0;
}
